/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the key command. */
#include "key-line.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "protocol.h"

bool key_line_is_valid(const struct view *line)
{
        static const char *const types[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"};

        if (line->length == 0 || line->length > IAMLOGIN_KEY_LINE_MAX)
                return false;
        for (uint16_t i = 0; i < line->length; i++)
                if ((unsigned char) line->data[i] < 0x20 || line->data[i] == 0x7f)
                        return false;
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (line->length > strlen(types[i]) && memcmp(line->data, types[i], strlen(types[i])) == 0)
                        return true;
        return false;
}

bool key_line_is_key(const struct view *line, const char *blob)
{
        const char *end = line->data + line->length;
        const char *space = memchr(line->data, ' ', line->length);
        size_t length = strlen(blob);

        if (space == NULL || (size_t) (end - space - 1) < length)
                return false;
        return memcmp(space + 1, blob, length) == 0 &&
               (space + 1 + length == end || space[1 + length] == ' ');
}

int key_line_print(const struct view *line)
{
        char text[IAMLOGIN_KEY_LINE_MAX + 1];
        size_t length = line->length;

        memcpy(text, line->data, length);
        text[length++] = '\n';
        for (size_t done = 0; done < length;) {
                ssize_t written = write(STDOUT_FILENO, text + done, length - done);
                if (written < 0 && errno == EPIPE)
                        return 0;
                if (written < 0 && errno != EINTR)
                        return -errno;
                if (written > 0)
                        done += (size_t) written;
        }
        return 0;
}
