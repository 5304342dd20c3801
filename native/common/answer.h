/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host lets an answer say, wherever it came from: directory.db, the socket, a list. A decoded
 * record is checked here before anything of it is given out.
 *
 *   - no name that a local user or group has; never "iamlogin", the resolver's own, nor a name that gives
 *     root wherever it is (wheel, admin, docker ...), be there such a local group or not
 *   - no id that one of them has, none outside root's list `ids`, none that is never given (root-ids.h)
 *   - a home directly below root's folder of homes, and no local user's there
 *   - a shell of /etc/shells that can be executed, else /bin/sh; nologin and false stay, they open less
 *   - the name as gecos where that has '=' or ',': pam_umask(8) sets umask, nice value and ulimit by it
 *   - no local user among a group's members: left out, for getgrnam(3)'s members are what pam_wheel and
 *     sudo's system_group go by; initgroups(3) never takes them
 *
 * -EPERM: the answer is refused, "cannot say". Other errors: the check can't be made, as local-table.h says.
 */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>

#include "local-table.h"
#include "record.h"

/* As pack_passwd and pack_group, once the record is allowed. */
int answer_passwd(const struct passwd_record *record, char *buffer, size_t length, struct passwd *ret);
int answer_group(const struct group_record *record, char *buffer, size_t length, struct group *ret);

/* 0, or why nothing of the record may be believed. */
int answer_check_passwd(const struct passwd_record *record);

/*
 * clock_look_ms(), then whether a name or id may be ours at all, before anybody is asked: 0, -ENOENT when it
 * is local or out of range, other: cannot say.
 */
int answer_may_have_name(const char *name);
int answer_may_have_id(uint32_t id);

/*
 * The gids of the local groups that root's list local-groups gives every user of ours (docker ...): their
 * count, 0 where the list is missing or another uid than root may write it; -errno: cannot say.
 */
int answer_local_groups(uint32_t gids[LOCAL_GROUPS_MAX]);

/* Whether the groups may be given to the user of the name: 0, -ENOENT for a local name, -EPERM, other. */
int answer_check_gids(const char *user, const uint32_t *gids, uint32_t count);
