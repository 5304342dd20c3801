/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded entries: views into the frame that they came in. Every field is valid once decoded. */
#pragma once

#include <stdint.h>

#include "bytes.h"

struct passwd_record {
        struct view name;
        uint32_t uid;
        uint32_t gid;
        struct view gecos;
        struct view dir;
        struct view shell;
};

struct group_record {
        struct view name;
        uint32_t gid;
        uint32_t count;
        struct reader members; /* count strings, each already checked */
};

/* 0, or -EBADMSG for a record that breaks a rule of protocol.h or valid.h. */
int decode_passwd(struct reader *reader, struct passwd_record *ret_record);
int decode_group(struct reader *reader, struct group_record *ret_record);
