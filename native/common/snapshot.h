/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE SPEC OF directory.db: what the resolver publishes and every process reads in place.
 *
 * Written by src/snapshot/ to a temporary file, synced, renamed; never changed afterwards but for
 * one word: `superseded` becomes 1 when another file has taken the name, so that whoever has this
 * one mapped moves on at the next call. All integers are little-endian; offsets count from the
 * file's start and are multiples of 4.
 *
 *   offset size
 *        0    8  magic "IAMLDB1\n"
 *        8    4  superseded: 0 or 1; in no sum
 *       12    4  sum of bytes 16..127
 *       16    8  size of the file
 *       24    8  generation
 *       32    8  when the source was read, ms since the epoch
 *       40    8  ids.min, ids.max
 *       48    8  count of passwd records, of group records
 *       56   40  five hash tables: passwd by name, passwd by uid, group by name, group by gid,
 *                strangers by name; each u32 offset, u32 slots (a power of two, at least twice
 *                the records)
 *       96    8  offsets of two arrays of u32 record offsets: every passwd, every group
 *      104    8  source.offline in ms: how old the data may be for a login
 *      112   16  0
 *
 * Slot      u32 hash, u32 offset of the record; offset 0: empty. Linear probing.
 *           hash of a name: the sum of its bytes; of an id: the sum of its four bytes.
 * Record    u32 sum of what follows up to the padding, u32 length of the payload, payload, padding
 *   passwd  payload: passwd as in protocol.h, u32[] gids (the primary one first), str IAM UserId,
 *           str ARN
 *   group   payload: group as in protocol.h
 *   stranger payload: str name, u32 0: local and reserved names, which are never ours
 * Sum       XXH32 of the bytes, seed 0x69616d6c; https://github.com/Cyan4973/xxHash
 *
 * What a reader proves: the header's sum and the file's size once, when it maps; each slot's and
 * record's bounds, the record's sum, its syntax (record.h) and that it is what was asked for, at
 * each access. A flipped bit is a miss, never another id. The mapping is of a file that root or the
 * state directory's owner wrote: the owner could truncate it under a reader (SIGBUS); iamlogind
 * replaces and never truncates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

#define SNAPSHOT_HEADER 128
#define SNAPSHOT_SIZE_MAX 536870912u /* 512 MiB */

enum snapshot_table {
        SNAPSHOT_PASSWD_BY_NAME,
        SNAPSHOT_PASSWD_BY_UID,
        SNAPSHOT_GROUP_BY_NAME,
        SNAPSHOT_GROUP_BY_GID,
        SNAPSHOT_STRANGERS,
        SNAPSHOT_TABLES,
};

enum snapshot_list {
        SNAPSHOT_ALL_PASSWD,
        SNAPSHOT_ALL_GROUPS,
        SNAPSHOT_LISTS,
};

/* A held mapping: release it, and views into it end. */
struct snapshot {
        const uint8_t *base;
        size_t size;
        int slot;
};

#define SNAPSHOT_NONE                                                                                        \
        {                                                                                                    \
                NULL, 0, -1                                                                                  \
        }
#define CLEANUP_SNAPSHOT __attribute__((cleanup(snapshot_release)))

/* 0, or -errno when there is no file that can be trusted. Maps at most once per published file. */
int snapshot_acquire(struct snapshot *ret_snapshot);
void snapshot_release(struct snapshot *snapshot);

/* The payload of the record with this key. 0, -ENOENT, or -EBADMSG for a damaged record. */
int snapshot_find_name(const struct snapshot *snapshot, enum snapshot_table table, const char *name,
                       struct reader *ret_payload);
int snapshot_find_id(const struct snapshot *snapshot, enum snapshot_table table, uint32_t id,
                     struct reader *ret_payload);

/* The payload of the index-th record of a kind. 0, -ENOENT past the last, or -EBADMSG. */
int snapshot_entry(const struct snapshot *snapshot, enum snapshot_list list, uint32_t index,
                   struct reader *ret_payload);

/* Which of the resolver's directories this is; grows with each. */
uint64_t snapshot_generation(const struct snapshot *snapshot);
/* Whether the id lies within `[ids]`: no id of ours is outside. */
bool snapshot_covers_id(const struct snapshot *snapshot, uint32_t id);
/* When the source was read, and how long that serves a login: ms since the epoch, ms. */
void snapshot_times(const struct snapshot *snapshot, int64_t *ret_read_at_ms, uint64_t *ret_offline_ms);
/* Whether the name is local or reserved: nobody of ours has it. */
bool snapshot_is_stranger(const struct snapshot *snapshot, const char *name);

/* Header and bounds of any bytes, as acquire checks them. 0 or -EBADMSG. */
int snapshot_check(const uint8_t *base, size_t size);
