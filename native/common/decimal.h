/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal numbers, bounded. The strtol(3) and scanf(3) families are not used in this tree: built on
 * glibc 2.38 or later, and so on today's distributions, they become __isoc23_strtol@GLIBC_2.38, which
 * the glibc of older ones does not have. They also read the locale and set errno.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The whole text is one number: digits alone, at least one, no sign, no blank; leading zeros are
 * allowed. 0, -EINVAL when it is no number, -ERANGE above UINT32_MAX. `ret_value` is set on success only.
 */
int decimal_u32(const char *text, size_t length, uint32_t *ret_value);

/*
 * The digits at `*at`, up to the first other byte or `end`: the caller looks at what stands there.
 * Moves `*at` behind them. 0, -EINVAL without a digit, -ERANGE above UINT64_MAX; outputs are set on
 * success only.
 */
int decimal_read_u64(const char **at, const char *end, uint64_t *ret_value);

/*
 * An id field as glibc reads it in a line of passwd(5) or group(5): strtoul(3) base 10 in the C locale,
 * cut to 32 bits. Blanks and a sign may come first; what is too large or negative is UINT32_MAX ("-0" is
 * 0). Moves `*at` behind the number. 0, or -EINVAL without a digit; outputs are set on success only.
 */
int decimal_read_id_as_libc(const char **at, const char *end, uint32_t *ret_value);
