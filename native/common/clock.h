/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/*
 * CLOCK_MONOTONIC_COARSE in milliseconds, for what is looked at again from time to time. It takes longer to
 * ask than most of a lookup: one call of a module looks once, and clock_recent_ms() is what was seen then.
 */
int64_t clock_look_ms(void);
extern _Atomic int64_t clock_seen_ms;
static inline int64_t clock_recent_ms(void)
{
        return atomic_load_explicit(&clock_seen_ms, memory_order_relaxed);
}

/* The time of one of clock_gettime(2)'s clocks in milliseconds. */
static inline int64_t clock_ms(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
