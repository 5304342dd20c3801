/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host says itself, and no resolver can change: the accounts of /etc/passwd and /etc/group, the
 * shells of /etc/shells and root's lists. One table in a process, read again when a file has changed: the
 * files are looked at by statx(2), at most once a second. Shared by threads without a lock (slots.h).
 *
 * Without the table nothing can be said: /etc/passwd and /etc/group must be there, readable, and have a
 * line each. (A chroot without them, a tool that moves them away for a moment, a full disk: an absent
 * file proves no absent account.) Root's lists may be missing, but not be unsafe or malformed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root-ids.h"
#include "slots.h"

#define LOCAL_GROUPS_MAX 64

/* What a name or id is here already; 0: nothing. */
enum {
        LOCAL_IS_USER = 1,
        LOCAL_IS_GROUP = 2, /* of an id also: some local user's primary group, listed or not */
        LOCAL_IS_HOME = 4, /* of a name: the folder below root's folder of homes that a local user lives in */
};

struct local_table;

/* A held table: release it soon, for it can't be replaced meanwhile. */
struct local_hold {
        const struct local_table *table;
        struct hold hold;
};

#define LOCAL_HOLD_EMPTY                                                                                     \
        {                                                                                                    \
                NULL, HOLD_NONE                                                                              \
        }
#define CLEANUP_LOCAL __attribute__((cleanup(local_release)))

/*
 * 0, or -errno: cannot say. Goes by clock_recent_ms(): snapshot_acquire() or clock_look_ms() comes before it
 * in every call of a module.
 */
int local_acquire(struct local_hold *ret_hold);
void local_release(struct local_hold *hold);

unsigned int local_of_name(const struct local_table *table, const char *name, size_t length);
unsigned int local_of_id(const struct local_table *table, uint32_t id);

const struct root_ids *local_ids(const struct local_table *table);

/* Whether the path is a line of /etc/shells (of libc's default without the file) and can be executed. */
bool local_has_shell(const struct local_table *table, const char *path, size_t length);

/*
 * The gids of root's list local-groups that /etc/group has, never 0: their count, or -errno when the list
 * can't be trusted or read.
 */
int local_groups_of(const struct local_table *table, const uint32_t **ret_gids);

/* Of /etc/passwd alone, read now: 1, 0, or -errno when that can't be said. */
int local_passwd_has_name(const char *name);
int local_passwd_has_uid(uint32_t uid);
