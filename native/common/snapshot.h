/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE SPEC OF directory.db: what the resolver publishes and every process reads in place.
 *
 * Written by src/snapshot/ to a temporary file, synced, renamed; never changed afterwards but for
 * one word: `superseded` becomes 1 when another file has taken the name, so that a process that has this
 * one mapped moves on at the next call, and 2 when it was withdrawn: it names people or memberships
 * that are gone, and could not be replaced (a full disk). No reader uses it then, whether or not there
 * is another one. Where it could not even be removed, its magic becomes zeros. All integers are
 * little-endian; offsets count from the file's start and are multiples of 4.
 *
 *   offset size
 *        0    8  magic "IAMLDB1\n"
 *        8    4  superseded: 0, 1 or 2; in no sum
 *       12    4  sum of bytes 16..127
 *       16    8  size of the file
 *       24    8  generation
 *       32    8  when the source was read, ms since the epoch (moment.h)
 *       40    8  ids.min, ids.max
 *       48    8  count of passwd records, of group records
 *       56   40  five hash tables: passwd by name, passwd by uid, group by name, group by gid,
 *                local names by name; each u32 offset, u32 slots (a power of two, at least twice
 *                the records, and so many that no run of used slots reaches SNAPSHOT_PROBES_MAX)
 *       96    8  offsets of two arrays of u32 record offsets: every passwd, every group
 *      104    8  source.offline in ms: how old the data may be for a login
 *      112    8  the same by CLOCK_BOOTTIME, i64 ms: negative in a boot that came later
 *      120    8  the boot that this belongs to, as moment_boot(); 0: unknown
 *
 * Slot      u32 hash, u32 offset of the record; offset 0: empty. Linear probing.
 *           hash of a name: the sum of its bytes; of an id: the sum of its four bytes.
 * Record    u32 sum of what follows up to the padding, u32 length of the payload, payload, padding
 *   passwd  payload: passwd as in protocol.h, u32[] gids (the primary one first), and of the IAM user:
 *           str UserId, str ARN, str name, i64 CreateDate in ms since the epoch; in the file
 *           of an older resolver the payload ends after the ARN
 *   group   payload: group as in protocol.h
 *   local name payload: str name, u32 0: local and reserved names, which are never ours
 * Sum       XXH32 of the bytes, seed 0x69616d6c; https://github.com/Cyan4973/xxHash
 *
 * What a reader proves: the header's sum and the file's size once, when it maps; each slot's and
 * record's bounds, the record's sum, its syntax (record.h) and that it is what was asked for, at
 * each access. A flipped bit is a miss, never another id. The file's owner can write to the mapping
 * at any time: the header is taken once, and a record is copied before it is checked. The owner
 * could also truncate the file under a reader (SIGBUS); iamlogind replaces and never truncates.
 *
 * What a lookup costs, whatever the file holds: SNAPSHOT_PROBES_MAX slots and as many copies of at
 * most SNAPSHOT_ROOM bytes, then the sum of one record, which is no longer than its kind can be. A
 * table or record beyond that is damaged, and the first damaged record ends the lookup.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "moment.h"
#include "protocol.h"
#include "slots.h"

#define SNAPSHOT_HEADER 128
#define SNAPSHOT_SIZE_MAX 536870912u /* 512 MiB */

/* Slots that one lookup looks at. At half load the longest run of used slots grows with the logarithm
 * of their number: 80 with a million. The writer makes the table larger until all runs are shorter. */
#define SNAPSHOT_PROBES_MAX 128u

/* The longest payload of each kind in bytes, by the limits of protocol.h. */
#define SNAPSHOT_STR(length) (2u + (length))
#define SNAPSHOT_PASSWD_MAX                                                                                  \
        (SNAPSHOT_STR(IAMLOGIN_NAME_MAX) + 8u + SNAPSHOT_STR(IAMLOGIN_GECOS_MAX) +                           \
         SNAPSHOT_STR(IAMLOGIN_DIR_MAX) + SNAPSHOT_STR(IAMLOGIN_SHELL_MAX) + 4u + 4u * IAMLOGIN_GIDS_MAX +   \
         3u * SNAPSHOT_STR(UINT16_MAX) + 8u)
#define SNAPSHOT_GROUP_MAX                                                                                   \
        (SNAPSHOT_STR(IAMLOGIN_NAME_MAX) + 8u + SNAPSHOT_STR(IAMLOGIN_NAME_MAX) * IAMLOGIN_MEMBERS_MAX)
#define SNAPSHOT_STRANGER_MAX (SNAPSHOT_STR(IAMLOGIN_NAME_MAX) + 4u)

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

/* The header, as it was when the file was mapped. */
struct snapshot_layout {
        struct {
                uint32_t offset, mask;
        } tables[SNAPSHOT_TABLES];
        struct {
                uint32_t offset, count;
        } lists[SNAPSHOT_LISTS];
        uint64_t generation;
        struct moment read_at;
        uint64_t offline_ms;
        uint32_t ids_min, ids_max;
};

/* A held mapping: release it. */
struct snapshot {
        const uint8_t *base;
        size_t size;
        const struct snapshot_layout *layout;
        struct hold hold;
};

#define SNAPSHOT_NONE                                                                                        \
        {                                                                                                    \
                NULL, 0, NULL, HOLD_NONE                                                                     \
        }
#define CLEANUP_SNAPSHOT __attribute__((cleanup(snapshot_release)))

/* 0, or -errno when there is no file that can be trusted. Maps at most once per published file. */
int snapshot_acquire(struct snapshot *ret_snapshot);
void snapshot_release(struct snapshot *snapshot);

/*
 * A copy of one record, in the caller's room where it fits, else on the heap. It outlives the mapping;
 * views into it end with snapshot_record_clear() or the next use. Holds nothing of worth after an error.
 */
struct snapshot_record {
        unsigned char *room;
        size_t size;
        unsigned char *heap;
        struct reader payload;
        uint32_t end; /* where the record ends in its file */
};

#define SNAPSHOT_ROOM 1024 /* what almost every passwd record fits in */
#define SNAPSHOT_RECORD(room)                                                                                \
        {                                                                                                    \
                .room = (room), .size = sizeof(room)                                                         \
        }
#define CLEANUP_RECORD __attribute__((cleanup(snapshot_record_clear)))

void snapshot_record_clear(struct snapshot_record *record);

/* The record with this key. 0, -ENOENT, -ENOMEM, or -EBADMSG for damage. */
int snapshot_find_name(const struct snapshot *snapshot, enum snapshot_table table, const char *name,
                       struct snapshot_record *record);
int snapshot_find_id(const struct snapshot *snapshot, enum snapshot_table table, uint32_t id,
                     struct snapshot_record *record);

/*
 * The index-th record of a kind. The writer lists records in the order of the file: one that begins before
 * `from`, where the one before it ended (0: none), is damage, so that a whole list costs one pass at most.
 * 0, -ENOENT past the last, -ENOMEM, or -EBADMSG.
 */
int snapshot_entry(const struct snapshot *snapshot, enum snapshot_list list, uint32_t index, uint32_t from,
                   struct snapshot_record *record);

/* Which of the resolver's directories this is; grows with each. */
uint64_t snapshot_generation(const struct snapshot *snapshot);
/* Whether the id lies within `[ids]`: no id of ours is outside. */
bool snapshot_covers_id(const struct snapshot *snapshot, uint32_t id);
/* When the source was read, and for how many ms that serves a login. */
void snapshot_times(const struct snapshot *snapshot, struct moment *ret_read_at, uint64_t *ret_offline_ms);
/* Whether the name is local or reserved: no person's account has it. */
bool snapshot_is_local_name(const struct snapshot *snapshot, const char *name);

/* Header and bounds of any bytes, as acquire checks them. 0 or -EBADMSG. */
int snapshot_check(const uint8_t *base, size_t size, struct snapshot_layout *ret_layout);
