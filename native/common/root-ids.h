/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root's list `ids`: which ids and homes an answer may carry.
 *
 *   MIN-MAX     the range of uids and gids, decimal; without it 1879048192-2147352575
 *   /FOLDER     the folder that homes lie directly below; without it /home
 *
 * Each at most once. What can't be read so is no list: then no answer is believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol.h"
#include "root-list.h"

/* The configuration's defaults of ids.min and ids.max. */
#define ROOT_IDS_MIN 1879048192u
#define ROOT_IDS_MAX 2147352575u
#define ROOT_HOMES "/home"
#define ROOT_HOMES_MAX 1024 /* as IAMLOGIN_DIR_MAX allows */

/*
 * Never given by anybody, whatever the list says: systemd's range for foreign images
 * (https://systemd.io/UIDS-GIDS/), and from 2^31 on, which some programs read as negative. All 16-bit
 * ids are the system's.
 */
#define ROOT_IDS_FOREIGN_MIN 2147352576u
#define ROOT_IDS_FOREIGN_MAX 2147418111u
#define ROOT_IDS_SIGN 2147483648u

struct root_ids {
        uint32_t min;
        uint32_t max;
        size_t homes_length;
        char homes[ROOT_HOMES_MAX]; /* without a slash at its end */
};

/* Root's list, or the defaults where there is none. 0, or -errno: no answer can be believed. */
int root_ids_read(struct root_ids *ret_ids);

/* 0, or -EBADMSG. */
int root_ids_parse(const char *text, struct root_ids *ret_ids);

static inline bool root_ids_allow(const struct root_ids *ids, uint32_t id)
{
        return id >= ids->min && id <= ids->max && id >= IAMLOGIN_ID_FLOOR && id < ROOT_IDS_SIGN &&
               (id < ROOT_IDS_FOREIGN_MIN || id > ROOT_IDS_FOREIGN_MAX);
}

/*
 * What follows the folder of homes and a slash in a path; NULL for a path elsewhere. The caller makes sure
 * that it is one plain part: valid_part of valid.h.
 */
static inline const char *root_ids_home(const struct root_ids *ids, const char *path, size_t length,
                                        size_t *ret_length)
{
        size_t above = ids->homes_length;

        if (length < above + 2 || path[above] != '/' || memcmp(path, ids->homes, above) != 0)
                return NULL;
        *ret_length = length - above - 1;
        return path + above + 1;
}
