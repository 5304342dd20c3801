/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE SPEC OF keys.db: whose keys open which account, as far as the resolver knows. The key command
 * reads it while no resolver answers, so that people who logged in here before still can.
 *
 * Written by src/keys/published.ts to a temporary file, synced, renamed; for the user iamlogin alone.
 * All integers are little-endian; types as in protocol.h.
 *
 *   offset size
 *        0    8  magic "IAMLKEY2"; a file of another version is one that cannot be read
 *        8    4  sum of bytes 12..55
 *       12    4  count of records
 *       16    8  size of the file
 *       24    8  flags (KEYS_FILE_*)
 *       32    8  when it was written, ms since the epoch (moment.h)
 *       40    8  the same by CLOCK_BOOTTIME, i64 ms
 *       48    8  the boot that this belongs to, as moment_boot(); 0: unknown
 *
 * Record    u32 sum of what follows up to the padding, u32 length of the payload, payload, padding to
 *           a multiple of 4; one after the other from offset 56 on
 *   payload   str account, u32 uid, u32 kind (KEYS_OF_*), u32 count of keys, key[]
 *   key       i64 until (ms since the epoch by the clock of "when it was written"), str line
 *             (authorized_keys(5)), str key id, str IAM user, str IAM UserId, str ARN
 * Sum       XXH32 as in snapshot.h
 *
 * `until` is when the key's last reading from the source is older than source.offline, or the key
 * older than keys.max_age; it counts from when the file was written (keys_file_now). A person's record
 * without keys says that none was valid, or no MFA device was there though access.require_mfa wants one,
 * when that was read last: PAM refuses. Whether the person still exists here is directory.db's to say.
 * Without the file PAM refuses everybody (native/pam/offline.h).
 *
 * What a reader does, whatever the file holds: it takes the header once, passes by at most
 * KEYS_RECORDS_MAX heads of records, and copies one record of at most KEYS_RECORD_MAX before it checks
 * its sum. The file's owner can write to the mapping at any time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "moment.h"

/* No record, no entry: access.require_mfa, or nothing was read yet from the source that is set now. */
#define KEYS_FILE_REQUIRES_MFA 1u
#define KEYS_FILE_NAME "keys.db"
#define KEYS_FILE_HEADER 56
#define KEYS_FILE_MAX 268435456u  /* 256 MiB */
#define KEYS_RECORD_MAX 67108864u /* 64 MiB: a shared account that 80,000 keys open */
#define KEYS_RECORDS_MAX 1048576u /* accounts, a count */

enum {
        KEYS_OF_PERSON = 0, /* a user of ours */
        KEYS_OF_SHARED = 1, /* a local account of access.shared_accounts */
};

struct known_key {
        int64_t until_ms;
        struct view line;
        struct view id;
        struct view iam_user;
        struct view user_id;
        struct view arn;
};

struct known_keys {
        uint32_t kind;
        uint32_t count;
        struct reader keys; /* for keys_file_next */
};

struct keys_file {
        const uint8_t *base;
        size_t size;
        uint32_t count;  /* of records */
        uint8_t *record; /* heap: the copy of the one that was found */
        uint64_t flags;
        struct moment written_at;
};

#define KEYS_FILE_EMPTY                                                                                      \
        {                                                                                                    \
                .base = NULL                                                                                 \
        }
#define CLEANUP_KEYS_FILE __attribute__((cleanup(keys_file_close)))

/* Maps the file. 0, or -errno when there is none that can be trusted. */
int keys_file_open(struct keys_file *ret_file);
void keys_file_close(struct keys_file *file);

/* Header and bounds of any bytes, as open checks them. 0 or -EBADMSG. */
int keys_file_check(const uint8_t *base, size_t size, struct keys_file *ret_file);

/*
 * Now, by the clock that `until` of the keys is told by: what the wall clock said when the file was written,
 * and what has passed since. 0, or -ESTALE where that was in the future: no key of the file serves.
 */
int keys_file_now(const struct keys_file *file, int64_t *ret_now_ms);

/*
 * A copy of the record of the account with that uid, until the next find or the close. 0, -ENOENT,
 * -ENOMEM, or -EBADMSG for a damaged file.
 */
int keys_file_find(struct keys_file *file, const char *account, uint32_t uid, struct known_keys *ret_keys);

/* The next key of a record: 0, -ENOENT after the last, or -EBADMSG. */
int keys_file_next(struct known_keys *keys, struct known_key *ret_key);
