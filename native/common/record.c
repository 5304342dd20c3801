/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. What it lets through is fit for passwd(5). */
#include "record.h"

#include <errno.h>

#include "protocol.h"
#include "valid.h"

static int read_name(struct reader *reader, struct view *ret_name)
{
        int r = read_str(reader, ret_name);

        if (r < 0)
                return r;
        return valid_name(ret_name->data, ret_name->length) ? 0 : -EBADMSG;
}

static int read_id(struct reader *reader, uint32_t *ret_id)
{
        int r = read_u32(reader, ret_id);

        if (r < 0)
                return r;
        return valid_id(*ret_id) ? 0 : -EBADMSG;
}

static int read_field(struct reader *reader, size_t max, struct view *ret_field)
{
        int r = read_str(reader, ret_field);

        if (r < 0)
                return r;
        return valid_field(ret_field->data, ret_field->length, max) ? 0 : -EBADMSG;
}

int decode_passwd(struct reader *reader, struct passwd_record *ret_record)
{
        struct passwd_record record;

        if (read_name(reader, &record.name) < 0 || read_id(reader, &record.uid) < 0 ||
            read_id(reader, &record.gid) < 0 || read_field(reader, IAMLOGIN_GECOS_MAX, &record.gecos) < 0 ||
            read_field(reader, IAMLOGIN_DIR_MAX, &record.dir) < 0 ||
            read_field(reader, IAMLOGIN_SHELL_MAX, &record.shell) < 0)
                return -EBADMSG;
        *ret_record = record;
        return 0;
}

int decode_group(struct reader *reader, struct group_record *ret_record)
{
        struct group_record record;
        struct view member;

        if (read_name(reader, &record.name) < 0 || read_id(reader, &record.gid) < 0 ||
            read_u32(reader, &record.count) < 0 || record.count > IAMLOGIN_MEMBERS_MAX)
                return -EBADMSG;
        record.members = *reader;
        for (uint32_t i = 0; i < record.count; i++)
                if (read_name(reader, &member) < 0)
                        return -EBADMSG;
        record.members.end = reader->at;
        *ret_record = record;
        return 0;
}
