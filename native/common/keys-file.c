/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the key command. Trusts no byte of keys.db, and reads none twice. */
#include "keys-file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "shared.h"
#include "state-file.h"
#include "sum.h"

enum {
        AT_SUM = 8,
        AT_COUNT = 12,
        AT_SIZE = 16,
        AT_FLAGS = 24,
        AT_WRITTEN = 32,
        AT_WRITTEN_BOOTTIME = 40,
        AT_BOOT = 48,
        RECORD_HEADER = 8,
        ACCOUNT_MAX = 255,
};

int keys_file_check(const uint8_t *base, size_t size, struct keys_file *ret_file)
{
        uint8_t header[KEYS_FILE_HEADER];

        if (size < KEYS_FILE_HEADER || size > KEYS_FILE_MAX || size % 4 != 0)
                return -EBADMSG;
        copy_shared(header, base, sizeof(header));
        if (memcmp(header, "IAMLKEY2", 8) != 0 || load64(header + AT_SIZE) != size ||
            !is_sum(load32(header + AT_SUM), header + AT_COUNT, KEYS_FILE_HEADER - AT_COUNT) ||
            load32(header + AT_COUNT) > KEYS_RECORDS_MAX)
                return -EBADMSG;
        *ret_file = (struct keys_file){
                .base = base,
                .size = size,
                .count = load32(header + AT_COUNT),
                .flags = load64(header + AT_FLAGS),
                .written_at = {.wall_ms = (int64_t) load64(header + AT_WRITTEN),
                               .boottime_ms = (int64_t) load64(header + AT_WRITTEN_BOOTTIME),
                               .boot = load64(header + AT_BOOT)},
        };
        return 0;
}

int keys_file_now(const struct keys_file *file, int64_t *ret_now_ms)
{
        int64_t age_ms, now_ms;

        int r = moment_age(&file->written_at, &age_ms);
        if (r < 0)
                return r;
        if (__builtin_add_overflow(file->written_at.wall_ms, age_ms, &now_ms))
                return -ESTALE;
        *ret_now_ms = now_ms;
        return 0;
}

int keys_file_open(struct keys_file *ret_file)
{
        struct statx file;
        CLEANUP_CLOSE int fd = state_file_open(KEYS_FILE_NAME, &file);

        if (fd < 0)
                return fd;
        if (file.stx_size < KEYS_FILE_HEADER || file.stx_size > KEYS_FILE_MAX)
                return -EBADMSG;
        void *base = mmap(NULL, file.stx_size, PROT_READ, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED)
                return -errno;
        int r = keys_file_check(base, file.stx_size, ret_file);
        if (r < 0)
                munmap(base, file.stx_size);
        return r;
}

void keys_file_close(struct keys_file *file)
{
        if (file->base != NULL)
                munmap((void *) file->base, file->size);
        free(file->record);
        *file = (struct keys_file) KEYS_FILE_EMPTY;
}

/* Whether a record begins with that account and uid; looks at no more of it. */
static bool is_of(const uint8_t *payload, uint32_t length, const char *account, size_t account_length,
                  uint32_t uid)
{
        uint8_t start[2 + ACCOUNT_MAX + 4];
        size_t size = 2 + account_length + 4;

        if (length < size)
                return false;
        copy_shared(start, payload, size);
        return (size_t) (start[0] | start[1] << 8) == account_length &&
               memcmp(start + 2, account, account_length) == 0 && load32(start + 2 + account_length) == uid;
}

/* The record whose sum and length are in `head`: copied, proved, and read up to its keys. */
static int take(struct keys_file *file, const uint8_t *record, const uint8_t head[RECORD_HEADER],
                const char *account, size_t account_length, uint32_t uid, struct known_keys *ret_keys)
{
        uint32_t length = load32(head + 4);
        struct known_keys keys;
        struct view name;
        uint32_t id;

        if (length > KEYS_RECORD_MAX)
                return -EBADMSG;
        free(file->record);
        uint8_t *copy = file->record = malloc(RECORD_HEADER + (size_t) length);
        if (copy == NULL)
                return -ENOMEM;
        memcpy(copy, head, RECORD_HEADER);
        copy_shared(copy + RECORD_HEADER, record + RECORD_HEADER, length);
        struct reader payload = {copy + RECORD_HEADER, copy + RECORD_HEADER + length};
        /* The account once more: the bytes may have changed since it was looked at. */
        if (!is_sum(load32(copy), copy + 4, (size_t) length + 4) ||
            !is_of(payload.at, length, account, account_length, uid) || read_str(&payload, &name) < 0 ||
            read_u32(&payload, &id) < 0 || read_u32(&payload, &keys.kind) < 0 ||
            read_u32(&payload, &keys.count) < 0)
                return -EBADMSG;
        keys.keys = payload;
        *ret_keys = keys;
        return 0;
}

int keys_file_find(struct keys_file *file, const char *account, uint32_t uid, struct known_keys *ret_keys)
{
        size_t at = KEYS_FILE_HEADER, account_length = strlen(account);

        if (account_length > ACCOUNT_MAX)
                return -ENOENT;
        for (uint32_t i = 0; i < file->count; i++) {
                uint8_t head[RECORD_HEADER];
                if (file->size - at < RECORD_HEADER)
                        return -EBADMSG;
                const uint8_t *record = file->base + at;
                size_t left = file->size - at - RECORD_HEADER;
                copy_shared(head, record, sizeof(head));
                uint32_t length = load32(head + 4);
                if (length > left)
                        return -EBADMSG;
                if (is_of(record + RECORD_HEADER, length, account, account_length, uid))
                        return take(file, record, head, account, account_length, uid, ret_keys);
                size_t padded = ((size_t) length + 3) & ~(size_t) 3;
                if (padded > left)
                        return -EBADMSG;
                at += RECORD_HEADER + padded;
        }
        return -ENOENT;
}

int keys_file_next(struct known_keys *keys, struct known_key *ret_key)
{
        struct known_key key;
        uint64_t until;

        if (keys->count == 0)
                return read_end(&keys->keys) < 0 ? -EBADMSG : -ENOENT;
        if (read_u64(&keys->keys, &until) < 0 || read_str(&keys->keys, &key.line) < 0 ||
            read_str(&keys->keys, &key.id) < 0 || read_str(&keys->keys, &key.iam_user) < 0 ||
            read_str(&keys->keys, &key.user_id) < 0 || read_str(&keys->keys, &key.arn) < 0)
                return -EBADMSG;
        key.until_ms = (int64_t) until;
        keys->count--;
        *ret_key = key;
        return 0;
}
