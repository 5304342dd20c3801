/* SPDX-License-Identifier: Apache-2.0 */
/* What this host knows of a name without asking anybody: /etc/passwd and directory.db. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HOST_TEXT_MAX 256

/* Whether /etc/passwd has the name: 1, 0, or -errno when that can't be said. getpwnam(3) would come
 * back to us. */
int host_has_local(const char *name);

struct host_person {
        uint32_t uid;
        char user_id[HOST_TEXT_MAX]; /* IAM UserId */
        char arn[HOST_TEXT_MAX];
        bool is_fresh; /* the source was read within source.offline */
};

/* Whether the source was read within source.offline. 0, or -errno when there is no file to trust. */
int host_freshness(bool *ret_is_fresh);

/* 0, -ENOENT when directory.db has no user of the name, other: there is no file to trust. */
int host_find_person(const char *name, struct host_person *ret_person);
