/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shells of /etc/shells as getusershell(3) reads them: of each line what follows from the first '/' to a
 * blank or '#', unless a '#' or NUL comes before it; "/" alone is none. src/directory/local.ts has the same
 * rules, and test/vectors/shells.txt holds both to them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct shell_lines {
        const char *at;
        const char *end;
};

/* The next shell, not terminated; false at the end. */
bool shell_lines_next(struct shell_lines *lines, const char **ret_path, size_t *ret_length);
