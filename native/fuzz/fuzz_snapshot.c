/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as directory.db -> every way to read it. Built with the sums taken as right, which no
 * fuzzer could guess. An input that begins with an even byte edits the true file, five bytes an
 * edit: offset and value; else it is the file. By hand: build/Test/test/fuzz_snapshot -max_total_time=600
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/snapshot.c"
#include "protocol.h"
#include "record.h"
#include "valid.h"
#include "../test/vector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t truth[65536];
static size_t truth_length;

static void expect(bool holds)
{
        if (!holds)
                abort();
}

static void read_user(struct reader payload)
{
        struct passwd_record user;
        uint32_t count;

        if (decode_passwd(&payload, &user) < 0)
                return;
        expect(valid_id(user.uid) && valid_id(user.gid) && valid_name(user.name.data, user.name.length));
        (void) read_u32(&payload, &count);
}

static void read_group(struct reader payload)
{
        struct group_record group;
        struct view member;

        if (decode_group(&payload, &group) < 0)
                return;
        expect(valid_id(group.gid));
        for (uint32_t i = 0; i < group.count; i++)
                expect(read_str(&group.members, &member) == 0);
}

static void read_all(const uint8_t *bytes, size_t length)
{
        struct snapshot_record copy = {.room = NULL}; /* a heap block each: ASan sees a read past its end */
        struct snapshot_layout layout;
        struct snapshot snapshot = {bytes, length, &layout, HOLD_NONE};

        if (snapshot_check(bytes, length, &layout) < 0)
                return;
        for (int table = 0; table < SNAPSHOT_TABLES; table++) {
                static const char *const names[] = {"alice", "developers", "root", ""};
                for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                        if (snapshot_find_name(&snapshot, (enum snapshot_table) table, names[i], &copy) ==
                            0) {
                                read_user(copy.payload);
                                read_group(copy.payload);
                        }
                (void) snapshot_find_id(&snapshot, (enum snapshot_table) table, 0, &copy);
        }
        for (uint32_t i = 0; i < 100; i++) {
                if (snapshot_entry(&snapshot, SNAPSHOT_ALL_PASSWD, i, 0, &copy) == 0)
                        read_user(copy.payload);
                if (snapshot_entry(&snapshot, SNAPSHOT_ALL_GROUPS, i, 0, &copy) == 0)
                        read_group(copy.payload);
        }
        (void) snapshot_is_local_name(&snapshot, "alice");
        (void) snapshot_generation(&snapshot);
        (void) snapshot_covers_id(&snapshot, 1);
        snapshot_record_clear(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (truth_length == 0)
                truth_length = read_vector("directory-db", truth, sizeof(truth));
        if (size == 0)
                return 0;
        if (data[0] % 2 != 0) {
                read_all(data + 1, size - 1);
                return 0;
        }
        uint8_t *bytes = malloc(truth_length); /* ASan sees a read past its end */
        if (bytes == NULL)
                return 0;
        memcpy(bytes, truth, truth_length);
        for (size_t at = 1; at + 5 <= size; at += 5)
                bytes[load32(data + at) % truth_length] = data[at + 4];
        read_all(bytes, truth_length);
        free(bytes);
        return 0;
}
