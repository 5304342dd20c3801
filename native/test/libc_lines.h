/* SPDX-License-Identifier: Apache-2.0 */
/* Holds local-lines.c to fgetpwent(3) and fgetgrent(3) over one text. */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "local-lines.h"

static inline bool libc_next(FILE *file, enum local_kind kind, struct local_entry *ret_entry)
{
        if (kind == LOCAL_PASSWD) {
                const struct passwd *user = fgetpwent(file);
                if (user != NULL)
                        *ret_entry = (struct local_entry){user->pw_name, strlen(user->pw_name), user->pw_uid,
                                                          user->pw_gid,  user->pw_dir,          0};
                if (user != NULL && user->pw_dir != NULL)
                        ret_entry->home_length = strlen(user->pw_dir);
                return user != NULL;
        }
        const struct group *group = fgetgrent(file);
        if (group != NULL)
                *ret_entry = (struct local_entry){
                        group->gr_name, strlen(group->gr_name), group->gr_gid, group->gr_gid, "", 0};
        return group != NULL;
}

static inline bool same_entry(const struct local_entry *ours, const struct local_entry *libcs)
{
        return ours->name_length == libcs->name_length && ours->id == libcs->id && ours->gid == libcs->gid &&
               memcmp(ours->name, libcs->name, ours->name_length) == 0 &&
               ours->home_length == libcs->home_length &&
               memcmp(ours->home, libcs->home, ours->home_length) == 0;
}

/*
 * glibc 2.32 and later moves a line to the front of its buffer without the end of it: a line that begins
 * with a blank and ends in a NUL or at the end of the text has some bytes twice. Nobody wants that.
 */
static inline bool libc_reads_twice(const char *text, size_t length)
{
        for (const char *line = text, *end = text + length; line != end;) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                const char *next = newline == NULL ? end : newline;
                if (strchr(" \t\v\f\r", *line) != NULL &&
                    (newline == NULL || memchr(line, '\0', (size_t) (next - line)) != NULL))
                        return true;
                line = newline == NULL ? end : newline + 1;
        }
        return false;
}

/*
 * Every account that libc sees is one of ours, in the same order; ours beyond these hold an id that newer
 * versions of glibc refuse.
 */
static inline void compare_with_libc(const char *text, size_t length, enum local_kind kind)
{
        struct local_lines lines = {text, text + length, kind};
        struct local_entry ours, libcs;

        if (length == 0 || libc_reads_twice(text, length))
                return;
        FILE *file = fmemopen((void *) text, length, "r");
        CHECK(file != NULL);
        bool more = true;
        while (more) {
                do
                        more = libc_next(file, kind, &libcs);
                while (more && (libcs.name[0] == '+' || libcs.name[0] == '-'));
                bool found = false;
                while (!found && local_lines_next(&lines, &ours)) {
                        found = more && same_entry(&ours, &libcs);
                        CHECK(found || ours.id == UINT32_MAX || ours.gid == UINT32_MAX);
                }
                CHECK(found == more);
        }
        fclose(file);
}
