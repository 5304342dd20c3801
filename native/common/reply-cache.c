/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into every process that resolves a user. A few places that threads share without a lock, each
 * a pointer that belongs to the thread that exchanged it out. No thread-local storage: a module that libc
 * loads late may have none, and nothing would free it at dlclose(3).
 */
#include "reply-cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "protocol.h"

enum { PLACES = 16 };

struct kept {
        uint8_t opcode;
        uint32_t id;
        char name[IAMLOGIN_NAME_MAX + 1];
        int64_t expires_ms;
        struct wire_reply reply;
};

static _Atomic(struct kept *) places[PLACES];
static _Atomic int64_t expires[PLACES]; /* of what is there, about; 0: nothing */

/* Threads that hash to one place ask again: slower, never wrong. */
static size_t own_place(void)
{
        return (size_t) ((uint64_t) (uintptr_t) pthread_self() * 0x9e3779b97f4a7c15u >> 60);
}

static void free_kept(struct kept *kept)
{
        if (kept == NULL)
                return;
        wire_reply_clear(&kept->reply);
        free(kept);
}

static bool is_of(const struct kept *kept, const struct question *question)
{
        return kept->opcode == question->opcode && kept->id == question->id &&
               strcmp(kept->name, question->name == NULL ? "" : question->name) == 0;
}

void reply_cache_put(const struct question *question, struct wire_reply *reply, int64_t now_ms)
{
        struct kept *kept = calloc(1, sizeof(*kept));
        size_t place = own_place();

        if (kept == NULL)
                return;
        kept->opcode = question->opcode;
        kept->id = question->id;
        if (question->name != NULL)
                memcpy(kept->name, question->name, strnlen(question->name, IAMLOGIN_NAME_MAX));
        kept->expires_ms = now_ms + REPLY_CACHE_TTL_MS;
        kept->reply = *reply;
        kept->reply.payload.at = reply->frame; /* it was read to its end */
        *reply = (struct wire_reply) WIRE_REPLY_EMPTY;
        atomic_store(&expires[place], kept->expires_ms);
        free_kept(atomic_exchange(&places[place], kept));
}

/* A caller that never came back leaves nothing behind for longer than until the next lookup. */
static void free_expired(int64_t now_ms)
{
        for (size_t i = 0; i < PLACES; i++) {
                int64_t seen = atomic_load_explicit(&expires[i], memory_order_relaxed);
                if (seen != 0 && seen < now_ms && atomic_compare_exchange_strong(&expires[i], &seen, 0))
                        free_kept(atomic_exchange(&places[i], NULL));
        }
}

bool reply_cache_take(const struct question *question, int64_t now_ms, struct wire_reply *ret_reply)
{
        free_expired(now_ms);
        struct kept *kept = atomic_exchange(&places[own_place()], NULL);
        bool found = kept != NULL && is_of(kept, question) && now_ms < kept->expires_ms;

        if (found) {
                *ret_reply = kept->reply;
                kept->reply = (struct wire_reply) WIRE_REPLY_EMPTY;
        }
        free_kept(kept);
        return found;
}

/* At dlclose(3), and at exit(3): a thread that is inside finds its place empty and asks. */
__attribute__((destructor)) void reply_cache_clear(void)
{
        for (size_t i = 0; i < PLACES; i++)
                free_kept(atomic_exchange(&places[i], NULL));
}
