/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Pure. */
#include "valid.h"

#include <string.h>

#include "protocol.h"

bool valid_id(uint32_t id)
{
        return id >= IAMLOGIN_ID_FLOOR && id < IAMLOGIN_ID_NONE32 - 1;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Not isalnum(3): the host process's locale has no say in it. */
static bool is_word(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool valid_name(const char *name, size_t length)
{
        bool digits_only = true;

        if (length == 0 || length > IAMLOGIN_NAME_MAX || !is_word(name[0]))
                return false;
        for (size_t i = 0; i < length; i++) {
                if (!is_word(name[i]) && name[i] != '.' && name[i] != '-')
                        return false;
                digits_only = digits_only && is_digit(name[i]);
        }
        return !digits_only && !(length == 4 && memcmp(name, "root", 4) == 0);
}

bool valid_part(const char *part, size_t length)
{
        if (length == 0 || length > UINT8_MAX || !is_word(part[0]))
                return false;
        for (size_t i = 1; i < length; i++)
                if (!is_word(part[i]) && part[i] != '.' && part[i] != '-')
                        return false;
        return true;
}

/* Eight bytes at a time: a field is what a lookup spends much of its time on. */
static const uint64_t each = 0x0101010101010101, high = 0x8080808080808080;

static bool has_zero(uint64_t word)
{
        return ((word - each) & ~word & high) != 0;
}

/* A byte below 0x20. */
static bool has_control(uint64_t word)
{
        return ((word - each * 0x20) & ~word & high) != 0;
}

bool valid_field(const char *field, size_t length, size_t max)
{
        if (length > max)
                return false;
        size_t i = 0;
        for (; length - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
                uint64_t word;
                memcpy(&word, field + i, sizeof(word));
                if (has_zero(word ^ each * ':') || has_zero(word ^ each * 0x7f) || has_control(word))
                        return false;
        }
        for (; i < length; i++) {
                unsigned char c = (unsigned char) field[i];
                if (c < 0x20 || c == 0x7f || c == ':')
                        return false;
        }
        return true;
}
