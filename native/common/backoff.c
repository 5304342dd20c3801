/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. One word: no lock that a fork could leave held. */
#include "backoff.h"

#include <errno.h>
#include <stdatomic.h>

#include "protocol.h"

enum { FAILURES_MAX = 3 };

/* 0: none. Else in the low 8 bits the time-outs in a row, above until when no thread asks. */
static _Atomic uint64_t state;

static uint64_t pack_state(int64_t until_ms, unsigned int failures)
{
        return (uint64_t) until_ms << 8 | failures;
}

bool backoff_allows(int64_t now_ms)
{
        uint64_t seen = atomic_load_explicit(&state, memory_order_relaxed);

        if (seen == 0)
                return true;
        if (now_ms < (int64_t) (seen >> 8))
                return false;
        /* The thread that wins asks; the others do without the resolver for as long as that may take. */
        uint64_t probing = pack_state(now_ms + IAMLOGIN_LOOKUP_DEADLINE_MS, seen & 0xff);
        return atomic_compare_exchange_strong(&state, &seen, probing);
}

void backoff_note(int result, int64_t now_ms)
{
        uint64_t seen = atomic_load_explicit(&state, memory_order_relaxed);
        unsigned int failures = seen & 0xff;

        if (result != -ETIMEDOUT) {
                if (seen != 0)
                        atomic_store(&state, 0);
                return;
        }
        /* Calls that began together time out together, and count as one. A probe ends as its time does. */
        if ((int64_t) (seen >> 8) > now_ms + IAMLOGIN_LOOKUP_DEADLINE_MS / 2)
                return;
        if (failures < FAILURES_MAX)
                failures++;
        int64_t pause = (int64_t) BACKOFF_FIRST_MS << (failures - 1);
        (void) atomic_compare_exchange_strong(&state, &seen, pack_state(now_ms + pause, failures));
}
