/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions of nsswitch: what can't be ours is a miss here and now, the rest is asked, and the
 * answer must be about what was asked.
 *   0 found, -ENOENT known not to be there, -ERANGE the buffer is too small, other: cannot say
 */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>

int lookup_passwd_by_name(const char *name, char *buffer, size_t length, struct passwd *ret);
int lookup_passwd_by_uid(uint32_t uid, char *buffer, size_t length, struct passwd *ret);
int lookup_group_by_name(const char *name, char *buffer, size_t length, struct group *ret);
int lookup_group_by_gid(uint32_t gid, char *buffer, size_t length, struct group *ret);

struct gid_list {
        uint32_t *gids; /* heap; gid_list_clear() */
        uint32_t count;
};

#define GID_LIST_EMPTY                                                                                       \
        {                                                                                                    \
                NULL, 0                                                                                      \
        }
#define CLEANUP_GIDS __attribute__((cleanup(gid_list_clear)))

void gid_list_clear(struct gid_list *list);
int lookup_initgroups(const char *user, struct gid_list *ret_list);
