/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of authorized_keys(5), as they come from elsewhere and go to sshd. */
#pragma once

#include <stdbool.h>

#include "bytes.h"

/* Printable, and it begins with a key type, not with options: no key may bring a command along. */
bool key_line_is_valid(const struct view *line);

/* Whether it is the key with this base64 blob (sshd's %k). */
bool key_line_is_key(const struct view *line, const char *blob);

/* To standard output. 0, also when sshd stopped reading at the first match; else -errno. */
int key_line_print(const struct view *line);
