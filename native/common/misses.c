/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into every process that resolves a user. A small table that threads share without a lock:
 * each entry is guarded by a sequence that is odd while a thread writes. A child forked in such a
 * moment keeps an entry that no thread reads or writes any more.
 */
#include "misses.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "protocol.h"

enum { ENTRIES = 64, NAME_WORDS = IAMLOGIN_NAME_MAX / 8, KEY_WORDS = NAME_WORDS + 2 };

struct entry {
        _Atomic uint64_t sequence;
        _Atomic uint64_t key[KEY_WORDS];
        _Atomic uint64_t expires_ms;
};

static struct entry entries[ENTRIES];

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

/* The whole key, not a hash of it: a false miss would lock a person out. */
static void key_of(const struct miss *miss, uint64_t key[KEY_WORDS])
{
        memset(key, 0, KEY_WORDS * sizeof(key[0]));
        if (miss->name != NULL)
                memcpy(key, miss->name, strnlen(miss->name, IAMLOGIN_NAME_MAX));
        key[NAME_WORDS] = (uint64_t) miss->opcode << 32 | miss->id;
        key[NAME_WORDS + 1] = miss->generation;
}

static struct entry *entry_of(const uint64_t key[KEY_WORDS])
{
        uint64_t hash = 0;

        for (int i = 0; i < KEY_WORDS; i++)
                hash = (hash ^ key[i]) * 0x9e3779b97f4a7c15u;
        return &entries[hash >> 58];
}

bool misses_know(const struct miss *miss)
{
        uint64_t key[KEY_WORDS];
        bool same = true;

        key_of(miss, key);
        struct entry *entry = entry_of(key);
        uint64_t before = atomic_load_explicit(&entry->sequence, memory_order_acquire);
        for (int i = 0; i < KEY_WORDS; i++)
                same = same && atomic_load_explicit(&entry->key[i], memory_order_relaxed) == key[i];
        uint64_t expires = atomic_load_explicit(&entry->expires_ms, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        return same && before % 2 == 0 &&
               atomic_load_explicit(&entry->sequence, memory_order_relaxed) == before && now_ms() < expires;
}

void misses_note(const struct miss *miss)
{
        uint64_t key[KEY_WORDS];

        key_of(miss, key);
        struct entry *entry = entry_of(key);
        uint64_t sequence = atomic_load_explicit(&entry->sequence, memory_order_relaxed);
        /* Another thread writes: this miss is asked once more, that is all. */
        if (sequence % 2 != 0 ||
            !atomic_compare_exchange_strong_explicit(&entry->sequence, &sequence, sequence + 1,
                                                     memory_order_acquire, memory_order_relaxed))
                return;
        atomic_thread_fence(memory_order_release);
        for (int i = 0; i < KEY_WORDS; i++)
                atomic_store_explicit(&entry->key[i], key[i], memory_order_relaxed);
        atomic_store_explicit(&entry->expires_ms, now_ms() + MISSES_TTL_MS, memory_order_relaxed);
        atomic_store_explicit(&entry->sequence, sequence + 2, memory_order_release);
}
