/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Trusts no byte of directory.db, and reads none twice. */
#include "snapshot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"
#include "shared.h"
#include "sum.h"

enum {
        AT_SUM = 12,
        AT_SIZE = 16,
        AT_GENERATION = 24,
        AT_READ = 32,
        AT_IDS = 40,
        AT_COUNTS = 48,
        AT_TABLES = 56,
        AT_LISTS = 96,
        AT_OFFLINE = 104,
        AT_READ_BOOTTIME = 112,
        AT_BOOT = 120,
        SUM_START = 16,
        SLOT = 8,
        RECORD_HEADER = 8,
        KEY_MAX = SNAPSHOT_STR(IAMLOGIN_NAME_MAX) + 4, /* both kinds of record begin with name and id */
};

/* The longest payload of the records that a table or list leads to. */
static const uint32_t table_max[SNAPSHOT_TABLES] = {
        [SNAPSHOT_PASSWD_BY_NAME] = SNAPSHOT_PASSWD_MAX, [SNAPSHOT_PASSWD_BY_UID] = SNAPSHOT_PASSWD_MAX,
        [SNAPSHOT_GROUP_BY_NAME] = SNAPSHOT_GROUP_MAX,   [SNAPSHOT_GROUP_BY_GID] = SNAPSHOT_GROUP_MAX,
        [SNAPSHOT_STRANGERS] = SNAPSHOT_STRANGER_MAX,
};
static const uint32_t list_max[SNAPSHOT_LISTS] = {
        [SNAPSHOT_ALL_PASSWD] = SNAPSHOT_PASSWD_MAX,
        [SNAPSHOT_ALL_GROUPS] = SNAPSHOT_GROUP_MAX,
};

int snapshot_check(const uint8_t *base, size_t size, struct snapshot_layout *ret_layout)
{
        uint8_t header[SNAPSHOT_HEADER];
        struct snapshot_layout layout;

        if (size < SNAPSHOT_HEADER || size > SNAPSHOT_SIZE_MAX)
                return -EBADMSG;
        copy_shared(header, base, sizeof(header));
        if (memcmp(header, "IAMLDB1\n", 8) != 0 || load64(header + AT_SIZE) != size ||
            !is_sum(load32(header + AT_SUM), header + SUM_START, SNAPSHOT_HEADER - SUM_START))
                return -EBADMSG;
        for (size_t i = 0; i < SNAPSHOT_TABLES; i++) {
                uint32_t offset = load32(header + AT_TABLES + 8 * i);
                uint32_t slots = load32(header + AT_TABLES + 8 * i + 4);
                if (slots == 0 || (slots & (slots - 1)) != 0 || offset % 4 != 0 || offset < SNAPSHOT_HEADER ||
                    offset > size || slots > (size - offset) / SLOT)
                        return -EBADMSG;
                layout.tables[i].offset = offset;
                layout.tables[i].mask = slots - 1;
        }
        for (size_t i = 0; i < SNAPSHOT_LISTS; i++) {
                uint32_t offset = load32(header + AT_LISTS + 4 * i);
                uint32_t count = load32(header + AT_COUNTS + 4 * i);
                if (offset % 4 != 0 || offset < SNAPSHOT_HEADER || offset > size ||
                    count > (size - offset) / 4)
                        return -EBADMSG;
                layout.lists[i].offset = offset;
                layout.lists[i].count = count;
        }
        layout.generation = load64(header + AT_GENERATION);
        layout.read_at = (struct moment){.wall_ms = (int64_t) load64(header + AT_READ),
                                         .boottime_ms = (int64_t) load64(header + AT_READ_BOOTTIME),
                                         .boot = load64(header + AT_BOOT)};
        layout.offline_ms = load64(header + AT_OFFLINE);
        layout.ids_min = load32(header + AT_IDS);
        layout.ids_max = load32(header + AT_IDS + 4);
        *ret_layout = layout;
        return 0;
}

void snapshot_record_clear(struct snapshot_record *record)
{
        free(record->heap);
        record->heap = NULL;
        record->payload = (struct reader){NULL, NULL};
}

/* The bounds of a record at an offset, and its sum and length, copied. */
static int read_head(const struct snapshot *snapshot, uint32_t offset, uint32_t max,
                     uint8_t head[RECORD_HEADER])
{
        if (offset < SNAPSHOT_HEADER || offset % 4 != 0 || offset > snapshot->size - RECORD_HEADER)
                return -EBADMSG;
        copy_shared(head, snapshot->base + offset, RECORD_HEADER);
        uint32_t length = load32(head + 4);
        return length > max || length > snapshot->size - offset - RECORD_HEADER ? -EBADMSG : 0;
}

/* Copies the record of that head whole. */
static int copy_record(const struct snapshot *snapshot, uint32_t offset, const uint8_t head[RECORD_HEADER],
                       struct snapshot_record *record)
{
        size_t length = load32(head + 4);
        unsigned char *copy = record->room;

        snapshot_record_clear(record);
        if (RECORD_HEADER + length > record->size) {
                copy = record->heap = malloc(RECORD_HEADER + length);
                if (copy == NULL)
                        return -ENOMEM;
        }
        memcpy(copy, head, RECORD_HEADER);
        copy_shared(copy + RECORD_HEADER, snapshot->base + offset + RECORD_HEADER, length);
        record->payload = (struct reader){copy + RECORD_HEADER, copy + RECORD_HEADER + length};
        record->end = (uint32_t) (offset + RECORD_HEADER + length);
        return 0;
}

/* Of a copy: the sum is of the length and the payload. */
static int check_sum(const struct snapshot_record *record)
{
        const uint8_t *copy = record->payload.at - RECORD_HEADER;

        return is_sum(load32(copy), copy + 4, (size_t) (record->payload.end - copy) - 4) ? 0 : -EBADMSG;
}

struct key {
        const char *name; /* NULL: by id */
        size_t length;
        uint32_t id;
        uint32_t hash;
};

static uint32_t hash_of_id(uint32_t id)
{
        const uint8_t bytes[4] = {(uint8_t) id, (uint8_t) (id >> 8), (uint8_t) (id >> 16),
                                  (uint8_t) (id >> 24)};

        return sum_of(bytes, sizeof(bytes));
}

/*
 * 1 when the payload begins with the key, 0 when it begins with another one of the same hash, -EBADMSG
 * when a slot with the key's hash should not have led here.
 */
static int match(struct reader payload, const struct key *key)
{
        struct view name;
        uint32_t id;

        if (read_str(&payload, &name) < 0 || name.length > IAMLOGIN_NAME_MAX || read_u32(&payload, &id) < 0)
                return -EBADMSG;
        if (key->name == NULL) {
                if (id == key->id)
                        return 1;
                return hash_of_id(id) == key->hash ? 0 : -EBADMSG;
        }
        if (name.length == key->length && memcmp(name.data, key->name, key->length) == 0)
                return 1;
        return sum_of((const uint8_t *) name.data, name.length) == key->hash ? 0 : -EBADMSG;
}

/*
 * The record at an offset, if it has the key: 1, 0, or an error as match(). The key comes before the
 * sum, and before the copy where that is more than the caller's room.
 */
static int find_at(const struct snapshot *snapshot, uint32_t offset, uint32_t max, const struct key *key,
                   struct snapshot_record *record)
{
        uint8_t head[RECORD_HEADER], start[KEY_MAX];

        int r = read_head(snapshot, offset, max, head);
        if (r < 0)
                return r;
        if (RECORD_HEADER + (size_t) load32(head + 4) > record->size) {
                size_t length = load32(head + 4) < KEY_MAX ? load32(head + 4) : KEY_MAX;
                copy_shared(start, snapshot->base + offset + RECORD_HEADER, length);
                r = match((struct reader){start, start + length}, key);
                if (r != 1)
                        return r;
        }
        r = copy_record(snapshot, offset, head, record);
        if (r == 0)
                r = match(record->payload, key);
        if (r == 1 && check_sum(record) < 0)
                r = -EBADMSG;
        return r;
}

static int find(const struct snapshot *snapshot, enum snapshot_table table, const struct key *key,
                struct snapshot_record *record)
{
        const uint8_t *slots = snapshot->base + snapshot->layout->tables[table].offset;
        uint32_t mask = snapshot->layout->tables[table].mask;

        for (uint32_t probe = 0; probe <= mask && probe < SNAPSHOT_PROBES_MAX; probe++) {
                uint8_t slot[SLOT];
                copy_shared(slot, slots + (size_t) ((key->hash + probe) & mask) * SLOT, SLOT);
                uint32_t offset = load32(slot + 4);
                if (offset == 0)
                        return -ENOENT;
                if (load32(slot) != key->hash)
                        continue;
                int r = find_at(snapshot, offset, table_max[table], key, record);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        /* No honest file has so long a run: what it does not lead to is not proved to be absent. */
        return -EBADMSG;
}

int snapshot_find_name(const struct snapshot *snapshot, enum snapshot_table table, const char *name,
                       struct snapshot_record *record)
{
        struct key key = {.name = name, .length = strlen(name)};

        key.hash = sum_of((const uint8_t *) name, key.length);
        return find(snapshot, table, &key, record);
}

int snapshot_find_id(const struct snapshot *snapshot, enum snapshot_table table, uint32_t id,
                     struct snapshot_record *record)
{
        struct key key = {.name = NULL, .id = id, .hash = hash_of_id(id)};

        return find(snapshot, table, &key, record);
}

int snapshot_entry(const struct snapshot *snapshot, enum snapshot_list list, uint32_t index, uint32_t from,
                   struct snapshot_record *record)
{
        uint8_t at[4], head[RECORD_HEADER];

        if (index >= snapshot->layout->lists[list].count)
                return -ENOENT;
        copy_shared(at, snapshot->base + snapshot->layout->lists[list].offset + 4 * (size_t) index,
                    sizeof(at));
        int r = load32(at) < from ? -EBADMSG : read_head(snapshot, load32(at), list_max[list], head);
        if (r == 0)
                r = copy_record(snapshot, load32(at), head, record);
        return r < 0 ? r : check_sum(record);
}

uint64_t snapshot_generation(const struct snapshot *snapshot)
{
        return snapshot->layout->generation;
}

void snapshot_times(const struct snapshot *snapshot, struct moment *ret_read_at, uint64_t *ret_offline_ms)
{
        *ret_read_at = snapshot->layout->read_at;
        *ret_offline_ms = snapshot->layout->offline_ms;
}

bool snapshot_covers_id(const struct snapshot *snapshot, uint32_t id)
{
        return id >= snapshot->layout->ids_min && id <= snapshot->layout->ids_max;
}

bool snapshot_is_local_name(const struct snapshot *snapshot, const char *name)
{
        unsigned char room[RECORD_HEADER + KEY_MAX];
        CLEANUP_RECORD struct snapshot_record record = SNAPSHOT_RECORD(room);
        struct view view;
        uint32_t id;

        /* The id tells a local name from a user whose record a damaged slot leads to. */
        return snapshot_find_name(snapshot, SNAPSHOT_STRANGERS, name, &record) == 0 &&
               read_str(&record.payload, &view) == 0 && read_u32(&record.payload, &id) == 0 && id == 0 &&
               read_end(&record.payload) == 0;
}
