/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Reads directory.db in place; trusts no byte of it. */
#include "snapshot.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "record.h"
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
        SUM_START = 16,
        SLOT = 8,
        RECORD_HEADER = 8,
};

int snapshot_check(const uint8_t *base, size_t size)
{
        if (size < SNAPSHOT_HEADER || size > SNAPSHOT_SIZE_MAX || memcmp(base, "IAMLDB1\n", 8) != 0 ||
            load64(base + AT_SIZE) != size ||
            !is_sum(load32(base + AT_SUM), base + SUM_START, SNAPSHOT_HEADER - SUM_START))
                return -EBADMSG;
        for (size_t i = 0; i < SNAPSHOT_TABLES; i++) {
                uint32_t offset = load32(base + AT_TABLES + 8 * i);
                uint32_t slots = load32(base + AT_TABLES + 8 * i + 4);
                if (slots == 0 || (slots & (slots - 1)) != 0 || offset % 4 != 0 || offset < SNAPSHOT_HEADER ||
                    offset > size || slots > (size - offset) / SLOT)
                        return -EBADMSG;
        }
        for (size_t i = 0; i < SNAPSHOT_LISTS; i++) {
                uint32_t offset = load32(base + AT_LISTS + 4 * i);
                if (offset % 4 != 0 || offset < SNAPSHOT_HEADER || offset > size ||
                    load32(base + AT_COUNTS + 4 * i) > (size - offset) / 4)
                        return -EBADMSG;
        }
        return 0;
}

/* The payload at a record's offset, once its bounds and its sum hold. */
static int record_at(const struct snapshot *snapshot, uint32_t offset, struct reader *ret_payload)
{
        if (offset < SNAPSHOT_HEADER || offset % 4 != 0 || offset > snapshot->size - RECORD_HEADER)
                return -EBADMSG;
        const uint8_t *record = snapshot->base + offset;
        uint32_t length = load32(record + 4);
        if (length > snapshot->size - offset - RECORD_HEADER ||
            !is_sum(load32(record), record + 4, (size_t) length + 4))
                return -EBADMSG;
        *ret_payload = (struct reader){record + RECORD_HEADER, record + RECORD_HEADER + length};
        return 0;
}

struct key {
        const char *name; /* NULL: by id */
        size_t length;
        uint32_t id;
};

/* Both kinds of record begin with the name and the id. */
static bool is_key(struct reader payload, const struct key *key)
{
        struct view name;
        uint32_t id;

        if (read_str(&payload, &name) < 0 || read_u32(&payload, &id) < 0)
                return false;
        if (key->name == NULL)
                return id == key->id;
        return name.length == key->length && memcmp(name.data, key->name, key->length) == 0;
}

static int find(const struct snapshot *snapshot, enum snapshot_table table, uint32_t hash,
                const struct key *key, struct reader *ret_payload)
{
        const uint8_t *entry = snapshot->base + AT_TABLES + 8 * (size_t) table;
        const uint8_t *slots = snapshot->base + load32(entry);
        uint32_t mask = load32(entry + 4) - 1;

        for (uint32_t probe = 0; probe <= mask; probe++) {
                const uint8_t *slot = slots + (size_t) ((hash + probe) & mask) * SLOT;
                uint32_t offset = load32(slot + 4);
                if (offset == 0)
                        return -ENOENT;
                if (load32(slot) != hash)
                        continue;
                struct reader payload;
                int r = record_at(snapshot, offset, &payload);
                if (r < 0)
                        return r;
                if (is_key(payload, key)) {
                        *ret_payload = payload;
                        return 0;
                }
        }
        return -ENOENT;
}

int snapshot_find_name(const struct snapshot *snapshot, enum snapshot_table table, const char *name,
                       struct reader *ret_payload)
{
        struct key key = {name, strlen(name), 0};

        return find(snapshot, table, sum_of((const uint8_t *) name, key.length), &key, ret_payload);
}

int snapshot_find_id(const struct snapshot *snapshot, enum snapshot_table table, uint32_t id,
                     struct reader *ret_payload)
{
        struct key key = {NULL, 0, id};
        uint8_t bytes[4] = {(uint8_t) id, (uint8_t) (id >> 8), (uint8_t) (id >> 16), (uint8_t) (id >> 24)};

        return find(snapshot, table, sum_of(bytes, sizeof(bytes)), &key, ret_payload);
}

int snapshot_entry(const struct snapshot *snapshot, enum snapshot_list list, uint32_t index,
                   struct reader *ret_payload)
{
        if (index >= load32(snapshot->base + AT_COUNTS + 4 * (size_t) list))
                return -ENOENT;
        uint32_t offsets = load32(snapshot->base + AT_LISTS + 4 * (size_t) list);
        return record_at(snapshot, load32(snapshot->base + offsets + 4 * (size_t) index), ret_payload);
}

uint64_t snapshot_generation(const struct snapshot *snapshot)
{
        return load64(snapshot->base + AT_GENERATION);
}

void snapshot_times(const struct snapshot *snapshot, int64_t *ret_read_at_ms, uint64_t *ret_offline_ms)
{
        *ret_read_at_ms = (int64_t) load64(snapshot->base + AT_READ);
        *ret_offline_ms = load64(snapshot->base + AT_OFFLINE);
}

bool snapshot_covers_id(const struct snapshot *snapshot, uint32_t id)
{
        return id >= load32(snapshot->base + AT_IDS) && id <= load32(snapshot->base + AT_IDS + 4);
}

bool snapshot_is_stranger(const struct snapshot *snapshot, const char *name)
{
        struct reader payload;
        struct view view;
        uint32_t id;

        /* The id tells a stranger from a user whose record a damaged slot leads to. */
        return snapshot_find_name(snapshot, SNAPSHOT_STRANGERS, name, &payload) == 0 &&
               read_str(&payload, &view) == 0 && read_u32(&payload, &id) == 0 && id == 0 &&
               read_end(&payload) == 0;
}
