/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer may carry, whatever the resolver says: names, ids and fields of ours. In line, for a
 * lookup of a group asks this of each member.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol.h"

/* What a byte is in a name: not isalnum(3), for the host process's locale has no say in it. 0: nothing. */
enum { VALID_WORD = 1, VALID_DIGIT = 2, VALID_MARK = 4 };
extern const uint8_t valid_kinds[256];

static inline uint8_t valid_kind(char c)
{
        return valid_kinds[(unsigned char) c];
}

/* Never the system's ids, nobody, or a "no id" value. */
static inline bool valid_id(uint32_t id)
{
        return id >= IAMLOGIN_ID_FLOOR && id < IAMLOGIN_ID_NONE32 - 1;
}

/* The shape of every account's name; names of any other shape are NOTFOUND without a request. */
static inline bool valid_name(const char *name, size_t length)
{
        uint8_t all = VALID_DIGIT;

        if (length == 0 || length > IAMLOGIN_NAME_MAX || (valid_kind(name[0]) & VALID_WORD) == 0)
                return false;
        for (size_t i = 0; i < length; i++) {
                uint8_t kind = valid_kind(name[i]);
                if (kind == 0)
                        return false;
                all &= kind;
        }
        return all == 0 && !(length == 4 && memcmp(name, "root", 4) == 0);
}

/* One part of a path, such as a home below its folder: longer than a name, never "." or "..". */
static inline bool valid_part(const char *part, size_t length)
{
        if (length == 0 || length > UINT8_MAX || (valid_kind(part[0]) & VALID_WORD) == 0)
                return false;
        for (size_t i = 1; i < length; i++)
                if (valid_kind(part[i]) == 0)
                        return false;
        return true;
}

/* Eight bytes at a time: a field is what a lookup spends much of its time on. */
#define VALID_EACH ((uint64_t) 0x0101010101010101)
#define VALID_HIGH ((uint64_t) 0x8080808080808080)

static inline bool valid_has_zero(uint64_t word)
{
        return ((word - VALID_EACH) & ~word & VALID_HIGH) != 0;
}

/* A byte below 0x20. */
static inline bool valid_has_control(uint64_t word)
{
        return ((word - VALID_EACH * 0x20) & ~word & VALID_HIGH) != 0;
}

/* A passwd(5) or group(5) field: bounded, no NUL, ':' or control character. */
static inline bool valid_field(const char *field, size_t length, size_t max)
{
        if (length > max)
                return false;
        size_t i = 0;
        for (; length - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
                uint64_t word;
                memcpy(&word, field + i, sizeof(word));
                if (valid_has_zero(word ^ VALID_EACH * ':') || valid_has_zero(word ^ VALID_EACH * 0x7f) ||
                    valid_has_control(word))
                        return false;
        }
        for (; i < length; i++) {
                unsigned char c = (unsigned char) field[i];
                if (c < 0x20 || c == 0x7f || c == ':')
                        return false;
        }
        return true;
}
