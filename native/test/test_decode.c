/* SPDX-License-Identifier: Apache-2.0 */
/* The shared vectors, whole and cut at every length. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "record.h"
#include "vector.h"

enum { HEADER = 8 };

static void decodes_the_passwd_vector(void)
{
        uint8_t bytes[1024];
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));
        struct reader reader = {bytes + HEADER, bytes + length};
        struct passwd_record record;

        CHECK(decode_passwd(&reader, &record) == 0 && read_end(&reader) == 0);
        CHECK(record.uid == 1950171475 && record.gid == 1950171475);
        CHECK(record.name.length == 5 && memcmp(record.name.data, "alice", 5) == 0);
        CHECK(record.dir.length == 11 && memcmp(record.dir.data, "/home/alice", 11) == 0);
        for (size_t cut = HEADER; cut < length; cut++) {
                uint8_t *exact = malloc(cut - HEADER + 1); /* ASan sees a read past its end */
                CHECK(exact != NULL);
                memcpy(exact, bytes + HEADER, cut - HEADER);
                reader = (struct reader){exact, exact + (cut - HEADER)};
                CHECK(decode_passwd(&reader, &record) == -EBADMSG);
                free(exact);
        }
}

static void decodes_the_group_vector(void)
{
        uint8_t bytes[1024];
        size_t length = read_vector("response-group", bytes, sizeof(bytes));
        struct reader reader = {bytes + HEADER, bytes + length};
        struct group_record record;

        CHECK(decode_group(&reader, &record) == 0 && read_end(&reader) == 0);
        CHECK(record.gid == 1929890698 && record.count == 2);
        for (size_t cut = HEADER; cut < length; cut++) {
                reader = (struct reader){bytes + HEADER, bytes + cut};
                CHECK(decode_group(&reader, &record) == -EBADMSG);
        }
}

static void writes_the_request_vector(void)
{
        uint8_t bytes[1024];
        uint8_t written[1024];
        size_t length = read_vector("request-passwd-list", bytes, sizeof(bytes));
        struct writer writer = {written, written + sizeof(written)};

        CHECK(write_u32(&writer, 16) == 0 && write_u32(&writer, 1 | 7 << 8) == 0);
        CHECK(write_u64(&writer, 0x1122334455667788) == 0 && write_u32(&writer, 9) == 0);
        CHECK((size_t) (writer.at - written) == length && memcmp(written, bytes, length) == 0);
}

static void refuses_a_full_buffer(void)
{
        uint8_t small[6];

        for (size_t room = 0; room < sizeof(small); room++) {
                struct writer writer = {small, small + room};
                CHECK(write_str(&writer, "alice") == -EMSGSIZE);
        }
}

int main(void)
{
        decodes_the_passwd_vector();
        decodes_the_group_vector();
        writes_the_request_vector();
        refuses_a_full_buffer();
        return 0;
}
