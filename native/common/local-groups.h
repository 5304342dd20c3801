/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local groups (docker ...) that every user of ours is a member of. Who hands them out is root
 * alone: the list is a file of root's, the ids are /etc/group's, and no answer of the resolver has a
 * part in it. root-list.h says what the list looks like.
 */
#pragma once

#include <stdint.h>

#define LOCAL_GROUPS_MAX 64

/*
 * The gids of the listed groups that exist; never 0. Their count; 0 as well when there is no list,
 * or one that somebody else than root could have written.
 */
uint32_t local_groups_read(uint32_t gids[LOCAL_GROUPS_MAX]);
