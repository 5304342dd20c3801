/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <time.h>

/* The time of one of clock_gettime(2)'s clocks in milliseconds. */
static inline int64_t clock_ms(clockid_t clock)
{
        struct timespec now;

        clock_gettime(clock, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
