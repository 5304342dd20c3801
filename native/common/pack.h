/* SPDX-License-Identifier: Apache-2.0 */
/* Records -> the caller's struct and buffer, as getpwnam_r(3) and getgrnam_r(3) want them. */
#pragma once

#include <grp.h>
#include <pwd.h>
#include <stddef.h>

#include "record.h"

/* 0, or -ERANGE when the buffer is too small: *ret is untouched then. */
int pack_passwd(const struct passwd_record *record, char *buffer, size_t length, struct passwd *ret);
int pack_group(const struct group_record *record, char *buffer, size_t length, struct group *ret);
