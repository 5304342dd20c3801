/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Empties what nscd (glibc's, or unscd at the same socket) holds of passwd and group, initgroups
 * included. Only root may ask nscd for it. 1 when it did, 0 when no nscd runs, -errno.
 */
int caches_empty_nscd(void);
