/* SPDX-License-Identifier: Apache-2.0 */
/* Records -> the caller's struct and buffer, as getpwnam_r(3) and getgrnam_r(3) want them. */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>

#include "record.h"

/* 0, or -ERANGE when the buffer is too small: *ret is untouched then. */
int pack_passwd(const struct passwd_record *record, char *buffer, size_t length, struct passwd *ret);

/* Members that `is_left_out` names are not given; NULL: all are. */
int pack_group(const struct group_record *record,
               bool (*is_left_out)(const struct view *member, const void *context), const void *context,
               char *buffer, size_t length, struct group *ret);
