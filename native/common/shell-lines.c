/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Pure. */
#include "shell-lines.h"

#include <string.h>

/* isspace(3) in the C locale, '#', and NUL. */
static bool ends_path(char c)
{
        return memchr(" \t\n\v\f\r#", c, sizeof(" \t\n\v\f\r#")) != NULL;
}

bool shell_lines_next(struct shell_lines *lines, const char **ret_path, size_t *ret_length)
{
        while (lines->at != lines->end) {
                const char *at = lines->at;
                const char *newline = memchr(at, '\n', (size_t) (lines->end - at));
                const char *line_end = newline == NULL ? lines->end : newline;
                lines->at = newline == NULL ? lines->end : newline + 1;
                while (at != line_end && *at != '/' && *at != '#' && *at != '\0')
                        at++;
                const char *path = at;
                while (at != line_end && !ends_path(*at))
                        at++;
                if (at - path > 1) {
                        *ret_path = path;
                        *ret_length = (size_t) (at - path);
                        return true;
                }
        }
        return false;
}
