/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Writes nothing outside of the caller's buffer. */
#include "pack.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct cursor {
        char *at;
        char *end;
};

static void *take(struct cursor *cursor, size_t size, size_t align)
{
        size_t skip = -(uintptr_t) cursor->at & (align - 1);
        size_t left = (size_t) (cursor->end - cursor->at);

        if (skip > left || size > left - skip)
                return NULL;
        void *taken = cursor->at + skip;
        cursor->at = (char *) taken + size;
        return taken;
}

static char *copy(struct cursor *cursor, const char *data, size_t length)
{
        char *text = take(cursor, length + 1, 1);

        if (text == NULL)
                return NULL;
        if (length > 0)
                memcpy(text, data, length);
        text[length] = '\0';
        return text;
}

static char *copy_view(struct cursor *cursor, const struct view *view)
{
        return copy(cursor, view->data, view->length);
}

int pack_passwd(const struct passwd_record *record, char *buffer, size_t length, struct passwd *ret)
{
        struct cursor cursor = {buffer, buffer + length};
        struct passwd entry = {
                .pw_name = copy_view(&cursor, &record->name),
                /* "x" would make pam_unix look for a shadow entry and refuse. */
                .pw_passwd = copy(&cursor, "*", 1),
                .pw_uid = record->uid,
                .pw_gid = record->gid,
                .pw_gecos = copy_view(&cursor, &record->gecos),
                .pw_dir = copy_view(&cursor, &record->dir),
                .pw_shell = copy_view(&cursor, &record->shell),
        };

        if (entry.pw_name == NULL || entry.pw_passwd == NULL || entry.pw_gecos == NULL ||
            entry.pw_dir == NULL || entry.pw_shell == NULL)
                return -ERANGE;
        *ret = entry;
        return 0;
}

int pack_group(const struct group_record *record,
               bool (*is_left_out)(const struct view *member, const void *context), const void *context,
               char *buffer, size_t length, struct group *ret)
{
        struct cursor cursor = {buffer, buffer + length};
        struct reader members = record->members;
        char **list =
                (char **) take(&cursor, ((size_t) record->count + 1) * sizeof(char *), _Alignof(char *));
        struct group entry = {
                .gr_name = copy_view(&cursor, &record->name),
                .gr_passwd = copy(&cursor, "*", 1),
                .gr_gid = record->gid,
                .gr_mem = list,
        };

        if (list == NULL || entry.gr_name == NULL || entry.gr_passwd == NULL)
                return -ERANGE;
        char **next = list;
        for (uint32_t i = 0; i < record->count; i++) {
                struct view member;
                int r = read_str(&members, &member);
                if (r < 0)
                        return r;
                if (is_left_out != NULL && is_left_out(&member, context))
                        continue;
                *next = copy_view(&cursor, &member);
                if (*next++ == NULL)
                        return -ERANGE;
        }
        *next = NULL;
        *ret = entry;
        return 0;
}
