/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Reads directory.db in place; trusts no byte of it. */
#include "snapshot.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "record.h"

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

static uint32_t load32(const uint8_t *at)
{
        return (uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24;
}

static uint64_t load64(const uint8_t *at)
{
        return (uint64_t) load32(at + 4) << 32 | load32(at);
}

static uint32_t rotate(uint32_t value, int bits)
{
        return value << bits | value >> (32 - bits);
}

/* XXH32: four lanes, so that a processor need not wait for one word to take the next. */
static const uint32_t prime1 = 0x9e3779b1, prime2 = 0x85ebca77, prime3 = 0xc2b2ae3d, prime4 = 0x27d4eb2f,
                      prime5 = 0x165667b1, seed = 0x69616d6c;

static uint32_t add_word(uint32_t lane, const uint8_t *at)
{
        return rotate(lane + load32(at) * prime2, 13) * prime1;
}

static uint32_t sum_of(const uint8_t *bytes, size_t length)
{
        const uint8_t *end = bytes + length;
        uint32_t hash = seed + prime5;

        if (length >= 16) {
                uint32_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
                for (; (size_t) (end - bytes) >= 16; bytes += 16) {
                        a = add_word(a, bytes);
                        b = add_word(b, bytes + 4);
                        c = add_word(c, bytes + 8);
                        d = add_word(d, bytes + 12);
                }
                hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
        }
        hash += (uint32_t) length;
        for (; (size_t) (end - bytes) >= 4; bytes += 4)
                hash = rotate(hash + load32(bytes) * prime3, 17) * prime4;
        for (; bytes < end; bytes++)
                hash = rotate(hash + *bytes * prime5, 11) * prime1;
        hash = (hash ^ hash >> 15) * prime2;
        hash = (hash ^ hash >> 13) * prime3;
        return hash ^ hash >> 16;
}

static bool is_sum(uint32_t sum, const uint8_t *bytes, size_t length)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        /* A fuzzer can't guess sums: what lies behind them must hold without. */
        (void) sum, (void) bytes, (void) length;
        return true;
#else
        return sum == sum_of(bytes, length);
#endif
}

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
