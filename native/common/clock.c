/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. */
#include "clock.h"

_Atomic int64_t clock_seen_ms;

int64_t clock_look_ms(void)
{
        int64_t now = clock_ms(CLOCK_MONOTONIC_COARSE);

        atomic_store_explicit(&clock_seen_ms, now, memory_order_relaxed);
        return now;
}
