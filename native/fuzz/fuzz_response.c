/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: any payload, read as every record, packed into every size. Found ids must be allowed. */
#include <stdlib.h>

#include "pack.h"
#include "record.h"
#include "valid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct reader reader = {data, data + size};
        struct passwd_record user;
        struct group_record group;
        char buffer[512];
        size_t room = size % (sizeof(buffer) + 1);

        if (decode_passwd(&reader, &user) == 0) {
                struct passwd entry;
                if (pack_passwd(&user, buffer, room, &entry) == 0 &&
                    (!valid_id(entry.pw_uid) || !valid_id(entry.pw_gid)))
                        abort();
        }
        reader = (struct reader){data, data + size};
        if (decode_group(&reader, &group) == 0) {
                struct group entry;
                if (pack_group(&group, NULL, NULL, buffer, room, &entry) == 0 && !valid_id(entry.gr_gid))
                        abort();
        }
        return 0;
}
