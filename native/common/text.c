/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron, and part of the key command. */
#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the character that begins here, 0 when none does: RFC 3629's table, no longer forms, no halves
 * of UTF-16. */
static size_t character_length(const uint8_t *at, size_t left)
{
        uint8_t low = 0x80, high = 0xbf;
        size_t length;

        if (at[0] < 0x80)
                return 1;
        if (at[0] < 0xc2 || at[0] > 0xf4)
                return 0;
        length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
        if (at[0] == 0xe0)
                low = 0xa0;
        else if (at[0] == 0xed)
                high = 0x9f;
        else if (at[0] == 0xf0)
                low = 0x90;
        else if (at[0] == 0xf4)
                high = 0x8f;
        if (length > left || at[1] < low || at[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if (at[i] < 0x80 || at[i] > 0xbf)
                        return 0;
        return length;
}

static bool is_control(const uint8_t *at, size_t length)
{
        return length == 1 ? at[0] < 0x20 || at[0] == 0x7f : length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
}

void text_clean(const char *text, size_t length, char *ret_clean, size_t size)
{
        const uint8_t *at = (const uint8_t *) text, *end = at + length;
        size_t done = 0;

        while (at < end) {
                size_t taken = character_length(at, (size_t) (end - at));
                bool is_text = taken > 0 && !is_control(at, taken);
                size_t added = is_text ? taken : 1;
                if (added >= size - done)
                        break;
                if (is_text)
                        memcpy(ret_clean + done, at, added);
                else
                        ret_clean[done] = '?';
                done += added;
                at += taken > 0 ? taken : 1;
        }
        ret_clean[done] = '\0';
}
