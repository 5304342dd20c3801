/* SPDX-License-Identifier: Apache-2.0 */
/* The escapes of the vectors that are text: \n \t \v \f \r \0 \\ and \xHH. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { TEXT_MAX = 4096 };

static inline size_t unescape(const char *text, char bytes[TEXT_MAX])
{
        static const char letters[] = "ntvfr0\\", values[] = "\n\t\v\f\r\0\\";
        size_t length = 0;

        for (; *text != '\0'; text++) {
                CHECK(length < TEXT_MAX);
                if (*text != '\\') {
                        bytes[length++] = *text;
                        continue;
                }
                text++;
                if (*text == 'x') {
                        const char digits[] = {text[1], text[2], '\0'};
                        bytes[length++] = (char) strtol(digits, NULL, 16);
                        text += 2;
                        continue;
                }
                const char *letter = strchr(letters, *text);
                CHECK(*text != '\0' && letter != NULL);
                bytes[length++] = values[letter - letters];
        }
        return length;
}
