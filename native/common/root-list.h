/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What root alone hands out, so that a resolver that was taken over can't: lists of names in files
 * of root's, written from the configuration by `iamlogin config grants --write`.
 *
 * One name a line; empty lines and lines that begin with # say nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ROOT_LIST_MAX 4096

enum root_list {
        ROOT_LIST_LOCAL_GROUPS,    /* /etc/iamlogin/local-groups: every user of ours is a member */
        ROOT_LIST_SHARED_ACCOUNTS, /* /etc/iamlogin/shared-accounts: keys of people may open these */
        ROOT_LIST_IDS,             /* /etc/iamlogin/ids: one line, "MIN-MAX": whose processes may be ended */
};

/* 0 and the text, -ENOENT without a list, -EPERM for one that somebody else than root may write. */
int root_list_read(enum root_list which, char text[ROOT_LIST_MAX]);

/* Whether the name, which is not terminated, is a line of the text. */
bool root_list_has(const char *text, const char *name, size_t length);
