/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that another process may write at any moment: a mapped file of the resolver's. */
#pragma once

#include <stddef.h>
#include <string.h>

/*
 * Takes `size` bytes once. What follows works on the copy: the compiler may not read the shared bytes
 * again in its place, so that what was checked is what is used.
 */
static inline void copy_shared(void *to, const void *shared, size_t size)
{
        unsigned char *at = to;
        const unsigned char *from = shared;

        /* A lookup sums the copy word by word at once: short ones go by words that do not overlap, for a
         * processor waits where a load spans two stores, as those of memcpy(3) would have it. */
        if (size <= 64)
                for (; size >= 8; size -= 8, at += 8, from += 8) {
                        memcpy(at, from, 8);
                        __asm__ volatile("" ::: "memory");
                }
        memcpy(at, from, size);
        __asm__ volatile("" ::: "memory");
}
