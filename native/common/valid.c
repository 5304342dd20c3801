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

bool valid_field(const char *field, size_t length, size_t max)
{
        if (length > max)
                return false;
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char) field[i];
                if (c < 0x20 || c == 0x7f || c == ':')
                        return false;
        }
        return true;
}
