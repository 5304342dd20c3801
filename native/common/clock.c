/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. */
#include "clock.h"

#include <stdatomic.h>

static _Atomic int64_t recent_ms;

int64_t clock_look_ms(void)
{
        int64_t now = clock_ms(CLOCK_MONOTONIC_COARSE);

        atomic_store_explicit(&recent_ms, now, memory_order_relaxed);
        return now;
}

int64_t clock_recent_ms(void)
{
        return atomic_load_explicit(&recent_ms, memory_order_relaxed);
}
