/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root's lists, the last word on what no resolver may decide: files in /etc/iamlogin/root.d/, written
 * from the configuration by `iamlogin config grants --write`. The folder and each list belong to root
 * and only root may write them.
 *
 * One word a line; empty lines and lines that begin with # say nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ROOT_LISTS_DIR "/etc/iamlogin/root.d"
#define ROOT_LIST_MAX 4096

enum root_list {
        ROOT_LIST_IDS,             /* which ids and homes an answer may carry: root-ids.h */
        ROOT_LIST_LOCAL_GROUPS,    /* every user of ours is a member of these */
        ROOT_LIST_SHARED_ACCOUNTS, /* keys of people may open these */
};

/* Where the lists are. */
const char *root_list_folder(void);

/* The name of a list in that folder. */
const char *root_list_name(enum root_list which);

/*
 * 0 and the text; -ENOENT without the list or its folder; -EPERM when another uid than root may write
 * one of the two; -EBADMSG for a NUL in it; else -errno.
 */
int root_list_read(enum root_list which, char text[ROOT_LIST_MAX]);

/* Whether the name, which is not terminated, is a line of the text. */
bool root_list_has(const char *text, const char *name, size_t length);
