/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the resolver wrote or read something, as its files tell, and how long ago that is. The wall clock
 * may be set back while no resolver runs: it must not make anything younger.
 */
#pragma once

#include <stdint.h>

struct moment {
        int64_t wall_ms;     /* since the epoch */
        int64_t boottime_ms; /* CLOCK_BOOTTIME, clock_gettime(2) */
        uint64_t boot;       /* moment_boot() at that time; 0: unknown, the wall clock alone counts */
};

/*
 * Which boot of the host this is: the first 16 hexadecimal digits of /proc/sys/kernel/random/boot_id
 * (random(4)) as a number, 0 where that cannot be read.
 */
uint64_t moment_boot(void);

/*
 * Milliseconds since the moment, 0 or more: by CLOCK_BOOTTIME within the boot that the moment belongs to,
 * else by the wall clock. -ESTALE where the moment lies in the future: clock or file is wrong, and its age
 * cannot be known.
 */
int moment_age(const struct moment *moment, int64_t *ret_age_ms);
