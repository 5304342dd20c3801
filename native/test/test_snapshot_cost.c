/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lookup costs, and a list, in a file that is valid by every sum and made to be slow: counted in
 * bytes that are copied from the file and bytes that are summed, not in seconds.
 */
#include <stddef.h>
#include <stdint.h>

#include "shared.h"
#include "sum.h"

static size_t bytes_copied, bytes_summed;

static void counted_copy(void *to, const void *shared, size_t size)
{
        bytes_copied += size;
        copy_shared(to, shared, size);
}

static bool counted_is_sum(uint32_t sum, const uint8_t *bytes, size_t length)
{
        bytes_summed += length;
        return is_sum(sum, bytes, length);
}

#define copy_shared counted_copy
#define is_sum counted_is_sum
#include "../common/snapshot.c"
#undef copy_shared
#undef is_sum

#include "check.h"

enum {
        FILE_SIZE = 65 * 1024 * 1024,
        TABLE_SLOTS = 65536,
        TABLE = SNAPSHOT_HEADER,
        RECORD = TABLE + TABLE_SLOTS * SLOT,
        LARGE = 4 * 1024 * 1024,
        NAMES = 300000,
        NAME = 8,
};

/* Probes cost a slot, and a key or a copy within the caller's room; a hit one record beside. */
#define PROBES_COST ((size_t) SNAPSHOT_PROBES_MAX * (SLOT + SNAPSHOT_ROOM))

static uint8_t *bytes;
static struct snapshot_layout layout;
static struct snapshot snapshot;
static unsigned char room[SNAPSHOT_ROOM];
static struct snapshot_record record = SNAPSHOT_RECORD(room);

static void put32(size_t at, uint32_t value)
{
        for (size_t i = 0; i < 4; i++)
                bytes[at + i] = (uint8_t) (value >> 8 * i);
}

static void end_record(uint32_t length)
{
        put32(RECORD + 4, length);
        put32(RECORD, sum_of(bytes + RECORD + 4, (size_t) length + 4));
}

static void put_record(const char *name, uint32_t id, uint32_t length)
{
        size_t size = strlen(name);

        bytes[RECORD + 8] = (uint8_t) size;
        bytes[RECORD + 9] = 0;
        memcpy(bytes + RECORD + 10, name, size);
        put32(RECORD + 10 + size, id);
        end_record(length);
}

/* Every slot of every table has this hash and leads to the one record. */
static void put_slots(uint32_t hash)
{
        for (size_t i = 0; i < TABLE_SLOTS; i++) {
                put32(TABLE + i * SLOT, hash);
                put32(TABLE + i * SLOT + 4, RECORD);
        }
}

static void start_file(void)
{
        bytes = calloc(1, FILE_SIZE);
        CHECK(bytes != NULL);
        memcpy(bytes, "IAMLDB1\n", 8);
        put32(AT_SIZE, FILE_SIZE);
        for (size_t i = 0; i < SNAPSHOT_TABLES; i++) {
                put32(AT_TABLES + 8 * i, TABLE);
                put32(AT_TABLES + 8 * i + 4, TABLE_SLOTS);
        }
        for (size_t i = 0; i < SNAPSHOT_LISTS; i++)
                put32(AT_LISTS + 4 * i, SNAPSHOT_HEADER);
        put32(AT_SUM, sum_of(bytes + SUM_START, SNAPSHOT_HEADER - SUM_START));
        CHECK(snapshot_check(bytes, FILE_SIZE, &layout) == 0);
        snapshot = (struct snapshot){bytes, FILE_SIZE, &layout, HOLD_NONE};
        bytes_copied = bytes_summed = 0;
}

static int by_name(const char *name, enum snapshot_table table)
{
        bytes_copied = bytes_summed = 0;
        int r = snapshot_find_name(&snapshot, table, name, &record);
        snapshot_record_clear(&record);
        return r;
}

struct hashed {
        uint32_t hash;
        char name[NAME];
};

static int compare(const void *left, const void *right)
{
        const struct hashed *a = left, *b = right;

        return (a->hash > b->hash) - (a->hash < b->hash);
}

/* Two names of one hash: XXH32 is no cryptographic hash, whoever wants such a pair has it. */
static void find_pair(char first[NAME], char second[NAME])
{
        struct hashed *all = calloc(NAMES, sizeof(*all));
        bool found = false;

        CHECK(all != NULL);
        for (uint32_t i = 0, random = 1; i < NAMES; i++) {
                for (size_t at = 0; at < NAME - 1; at++) {
                        random = random * 1664525 + 1013904223;
                        all[i].name[at] = (char) ('a' + (random >> 24) % 26);
                }
                all[i].hash = sum_of((const uint8_t *) all[i].name, NAME - 1);
        }
        qsort(all, NAMES, sizeof(*all), compare);
        for (size_t i = 1; !found && i < NAMES; i++) {
                found = all[i].hash == all[i - 1].hash && memcmp(all[i].name, all[i - 1].name, NAME) != 0;
                memcpy(first, all[i - 1].name, NAME);
                memcpy(second, all[i].name, NAME);
        }
        free(all);
        CHECK(found);
}

static void stops_at_slots_that_lead_to_one_large_record(void)
{
        char asked[NAME], stored[NAME];

        find_pair(asked, stored);
        put_record(stored, 1900000001, LARGE);
        put_slots(sum_of((const uint8_t *) asked, NAME - 1));
        CHECK(by_name(asked, SNAPSHOT_PASSWD_BY_NAME) == -EBADMSG);
        CHECK(bytes_copied <= PROBES_COST && bytes_summed == 0);
        /* As long as a record of the kind may be, and of another name: never copied. */
        put_record(stored, 1900000001, SNAPSHOT_GROUP_MAX);
        CHECK(by_name(asked, SNAPSHOT_GROUP_BY_NAME) == -EBADMSG);
        CHECK(bytes_copied <= PROBES_COST && bytes_summed == 0);
        put_record(stored, 1900000001, SNAPSHOT_ROOM - RECORD_HEADER);
        CHECK(by_name(asked, SNAPSHOT_GROUP_BY_NAME) == -EBADMSG);
        CHECK(bytes_copied > SNAPSHOT_PROBES_MAX * SNAPSHOT_ROOM && bytes_copied <= PROBES_COST);
        CHECK(bytes_summed == 0);
        put_record(stored, 1900000001, SNAPSHOT_GROUP_MAX);
        /* The name asked for, at its full length: once. */
        CHECK(by_name(stored, SNAPSHOT_GROUP_BY_NAME) == 0);
        CHECK(bytes_copied <= PROBES_COST + SNAPSHOT_GROUP_MAX + 4);
        CHECK(bytes_summed == SNAPSHOT_GROUP_MAX + 4);
}

static void stops_at_the_first_damaged_record(void)
{
        put_record("mallory", 1900000001, SNAPSHOT_GROUP_MAX);
        put_slots(sum_of((const uint8_t *) "mallory", 7));
        bytes[RECORD]++; /* the sum */
        CHECK(by_name("mallory", SNAPSHOT_GROUP_BY_NAME) == -EBADMSG);
        CHECK(bytes_summed == SNAPSHOT_GROUP_MAX + 4);
        /* A slot whose hash is not that of the record's name. */
        put_slots(sum_of((const uint8_t *) "alice", 5));
        CHECK(by_name("alice", SNAPSHOT_PASSWD_BY_NAME) == -EBADMSG);
        CHECK(bytes_copied <= SLOT + RECORD_HEADER + KEY_MAX && bytes_summed == 0);
}

/* By the name asked for and right by its sum, but longer than its kind can be. */
static void takes_no_record_that_is_longer_than_its_kind(void)
{
        put_record("mallory", 1900000001, SNAPSHOT_PASSWD_MAX);
        put_slots(sum_of((const uint8_t *) "mallory", 7));
        CHECK(by_name("mallory", SNAPSHOT_PASSWD_BY_NAME) == 0);
        put_record("mallory", 1900000001, SNAPSHOT_PASSWD_MAX + 1);
        CHECK(by_name("mallory", SNAPSHOT_PASSWD_BY_NAME) == -EBADMSG);
        CHECK(bytes_copied <= SLOT + RECORD_HEADER && bytes_summed == 0);
        put_record("mallory", 1900000001, SNAPSHOT_GROUP_MAX + 1);
        CHECK(by_name("mallory", SNAPSHOT_GROUP_BY_NAME) == -EBADMSG);
        CHECK(bytes_copied <= SLOT + RECORD_HEADER && bytes_summed == 0);
}

static void stops_at_the_first_record_of_another_id(void)
{
        const uint8_t asked[4] = {0x02, 0xb3, 0x3f, 0x71}; /* 1900000002 */

        put_record("mallory", 1900000001, SNAPSHOT_GROUP_MAX);
        put_slots(sum_of(asked, sizeof(asked)));
        bytes_copied = bytes_summed = 0;
        CHECK(snapshot_find_id(&snapshot, SNAPSHOT_GROUP_BY_GID, 1900000002, &record) == -EBADMSG);
        CHECK(bytes_copied <= SLOT + RECORD_HEADER + KEY_MAX && bytes_summed == 0);
}

static void stops_in_a_table_without_an_empty_slot(void)
{
        put_slots(sum_of((const uint8_t *) "mallory", 7));
        CHECK(by_name("alice", SNAPSHOT_STRANGERS) == -EBADMSG);
        CHECK(bytes_copied <= PROBES_COST && bytes_summed == 0);
        bytes_copied = 0;
        CHECK(snapshot_find_id(&snapshot, SNAPSHOT_PASSWD_BY_UID, 1900000001, &record) == -EBADMSG);
        CHECK(bytes_copied <= PROBES_COST && bytes_summed == 0);
        CHECK(!snapshot_is_local_name(&snapshot, "alice"));
}

static void stops_at_a_list_that_leads_to_one_record_again_and_again(void)
{
        layout.lists[SNAPSHOT_ALL_GROUPS].offset = TABLE;
        layout.lists[SNAPSHOT_ALL_GROUPS].count = TABLE_SLOTS;
        for (size_t i = 0; i < TABLE_SLOTS; i++)
                put32(TABLE + 4 * i, RECORD);
        put_record("daemon", 1900000001, SNAPSHOT_GROUP_MAX);
        CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_GROUPS, 0, 0, &record) == 0);
        bytes_copied = bytes_summed = 0;
        for (uint32_t i = 1; i < TABLE_SLOTS; i++)
                CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_GROUPS, i, record.end, &record) == -EBADMSG);
        CHECK(bytes_copied == 4 * (size_t) (TABLE_SLOTS - 1) && bytes_summed == 0);
        snapshot_record_clear(&record);
}

int main(void)
{
        start_file();
        stops_at_slots_that_lead_to_one_large_record();
        stops_at_the_first_damaged_record();
        takes_no_record_that_is_longer_than_its_kind();
        stops_at_the_first_record_of_another_id();
        stops_in_a_table_without_an_empty_slot();
        stops_at_a_list_that_leads_to_one_record_again_and_again();
        free(bytes);
        return 0;
}
