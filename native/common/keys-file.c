/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the key command. Reads keys.db in place; trusts no byte of it. */
#include "keys-file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "state-file.h"
#include "sum.h"

enum { AT_SUM = 8, AT_COUNT = 12, AT_SIZE = 16, RECORD_HEADER = 8 };

int keys_file_check(const uint8_t *base, size_t size)
{
        if (size < KEYS_FILE_HEADER || size > KEYS_FILE_MAX || size % 4 != 0 ||
            memcmp(base, "IAMLKEY1", 8) != 0 || load64(base + AT_SIZE) != size ||
            !is_sum(load32(base + AT_SUM), base + AT_COUNT, KEYS_FILE_HEADER - AT_COUNT))
                return -EBADMSG;
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
        int r = keys_file_check(base, file.stx_size);
        if (r < 0) {
                munmap(base, file.stx_size);
                return r;
        }
        *ret_file = (struct keys_file){base, file.stx_size};
        return 0;
}

void keys_file_close(struct keys_file *file)
{
        if (file->base != NULL)
                munmap((void *) file->base, file->size);
        *file = (struct keys_file) KEYS_FILE_EMPTY;
}

/* The head of a record, and what follows it; false for a record of another account. */
static bool is_of(struct reader *payload, const char *account, uint32_t uid, struct known_keys *ret_keys)
{
        struct known_keys keys;
        struct view name;
        uint32_t id;

        if (read_str(payload, &name) < 0 || name.length != strlen(account) ||
            memcmp(name.data, account, name.length) != 0 || read_u32(payload, &id) < 0 || id != uid ||
            read_u32(payload, &keys.kind) < 0 || read_u32(payload, &keys.count) < 0)
                return false;
        keys.keys = *payload;
        *ret_keys = keys;
        return true;
}

int keys_file_find(const struct keys_file *file, const char *account, uint32_t uid,
                   struct known_keys *ret_keys)
{
        uint32_t count = load32(file->base + AT_COUNT);
        struct known_keys keys;
        size_t at = KEYS_FILE_HEADER;

        for (uint32_t i = 0; i < count; i++) {
                if (file->size - at < RECORD_HEADER)
                        return -EBADMSG;
                const uint8_t *record = file->base + at;
                size_t left = file->size - at - RECORD_HEADER;
                uint32_t length = load32(record + 4);
                if (length > left)
                        return -EBADMSG;
                struct reader payload = {record + RECORD_HEADER, record + RECORD_HEADER + length};
                if (is_of(&payload, account, uid, &keys)) {
                        if (!is_sum(load32(record), record + 4, (size_t) length + 4))
                                return -EBADMSG;
                        *ret_keys = keys;
                        return 0;
                }
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
