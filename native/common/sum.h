/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian words, and the checksum of the files that the resolver publishes. In line, for it is
 * what a lookup spends its time on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint32_t load32(const uint8_t *at)
{
        return (uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24;
}

static inline uint64_t load64(const uint8_t *at)
{
        return (uint64_t) load32(at + 4) << 32 | load32(at);
}

static const uint32_t sum_prime1 = 0x9e3779b1, sum_prime2 = 0x85ebca77, sum_prime3 = 0xc2b2ae3d,
                      sum_prime4 = 0x27d4eb2f, sum_prime5 = 0x165667b1, sum_seed = 0x69616d6c;

static inline uint32_t sum_rotate(uint32_t value, int bits)
{
        return value << bits | value >> (32 - bits);
}

static inline uint32_t sum_word(uint32_t lane, const uint8_t *at)
{
        return sum_rotate(lane + load32(at) * sum_prime2, 13) * sum_prime1;
}

/*
 * XXH32 with our seed: four lanes, so that a processor need not wait for one word to take the next.
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
static inline uint32_t sum_of(const uint8_t *bytes, size_t length)
{
        const uint8_t *end = bytes + length;
        uint32_t hash = sum_seed + sum_prime5;

        if (length >= 16) {
                uint32_t a = sum_seed + sum_prime1 + sum_prime2, b = sum_seed + sum_prime2, c = sum_seed,
                         d = sum_seed - sum_prime1;
                for (; (size_t) (end - bytes) >= 16; bytes += 16) {
                        a = sum_word(a, bytes);
                        b = sum_word(b, bytes + 4);
                        c = sum_word(c, bytes + 8);
                        d = sum_word(d, bytes + 12);
                }
                hash = sum_rotate(a, 1) + sum_rotate(b, 7) + sum_rotate(c, 12) + sum_rotate(d, 18);
        }
        hash += (uint32_t) length;
        for (; (size_t) (end - bytes) >= 4; bytes += 4)
                hash = sum_rotate(hash + load32(bytes) * sum_prime3, 17) * sum_prime4;
        for (; bytes < end; bytes++)
                hash = sum_rotate(hash + *bytes * sum_prime5, 11) * sum_prime1;
        hash = (hash ^ hash >> 15) * sum_prime2;
        hash = (hash ^ hash >> 13) * sum_prime3;
        return hash ^ hash >> 16;
}

static inline bool is_sum(uint32_t sum, const uint8_t *bytes, size_t length)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        /* A fuzzer cannot find sums: the code behind them must hold without. */
        (void) sum, (void) bytes, (void) length;
        return true;
#else
        return sum == sum_of(bytes, length);
#endif
}
