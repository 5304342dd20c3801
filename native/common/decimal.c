/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Never reads at or past `end`. */
#include "decimal.h"

#include <errno.h>
#include <stdbool.h>

static bool is_digit(char each)
{
        return each >= '0' && each <= '9';
}

/* isspace(3) in the C locale. */
static bool is_blank(char each)
{
        return each == ' ' || (each >= '\t' && each <= '\r');
}

int decimal_read_u64(const char **at, const char *end, uint64_t *ret_value)
{
        const char *next = *at;
        uint64_t value = 0;

        if (next == end || !is_digit(*next))
                return -EINVAL;
        for (; next != end && is_digit(*next); next++) {
                uint64_t digit = (uint64_t) (*next - '0');
                if (value > (UINT64_MAX - digit) / 10)
                        return -ERANGE;
                value = value * 10 + digit;
        }
        *at = next;
        *ret_value = value;
        return 0;
}

int decimal_u32(const char *text, size_t length, uint32_t *ret_value)
{
        const char *at = text, *end = text + length;
        uint64_t value;

        int r = decimal_read_u64(&at, end, &value);
        if (r < 0)
                return r;
        if (at != end)
                return -EINVAL;
        if (value > UINT32_MAX)
                return -ERANGE;
        *ret_value = (uint32_t) value;
        return 0;
}

int decimal_read_id_as_libc(const char **at, const char *end, uint32_t *ret_value)
{
        const char *next = *at;
        bool negative = false;
        uint64_t value;

        while (next != end && is_blank(*next))
                next++;
        if (next != end && (*next == '-' || *next == '+')) {
                negative = *next == '-';
                next++;
        }
        int r = decimal_read_u64(&next, end, &value);
        if (r == -ERANGE) {
                value = UINT64_MAX;
                while (next != end && is_digit(*next))
                        next++;
        } else if (r < 0)
                return r;
        else if (negative)
                value = 0 - value;
        *at = next;
        *ret_value = value > UINT32_MAX ? UINT32_MAX : (uint32_t) value;
        return 0;
}
