/* SPDX-License-Identifier: Apache-2.0 */
/*
 * passwd(5) and group(5), line by line, as glibc's "files" service reads them: what is an account to
 * libc is one here. The only reader of these formats in this tree; test/vectors/local-lines.txt holds it
 * and src/directory/local.ts to the same, and test_local_lines.c to fgetpwent(3) and fgetgrent(3).
 *
 *   - blanks (isspace(3) in the C locale) before a line are skipped; then an empty line, or one that
 *     begins with '#', says nothing
 *   - a line ends at its first NUL; the last one needs no newline; no line is too long
 *   - an id is what strtoul(3) reads; the end of the line may follow it in place of ':'
 *   - a passwd line needs uid and gid, a group line the gid: without, it says nothing
 *   - lines whose name begins with '+' or '-' are nss_compat's: no account
 *
 * Newer versions of glibc drop a line whose id is larger than 32 bits, older ones take UINT32_MAX for
 * it: such a line is an account here, for its name may be one to libc.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum local_kind { LOCAL_PASSWD, LOCAL_GROUP };

struct local_lines {
        const char *at;
        const char *end;
        enum local_kind kind;
};

/* Views into the text; none is terminated. */
struct local_entry {
        const char *name; /* may be empty */
        size_t name_length;
        uint32_t id;  /* uid of a user, gid of a group */
        uint32_t gid; /* of a user: the primary group; of a group: the id */
        const char *home;
        size_t home_length; /* 0 for a group */
};

/* The next account; false at the end of the text. */
bool local_lines_next(struct local_lines *lines, struct local_entry *ret_entry);
