/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, by which the resolver and its child processes hand bytes over; and malloc(3). */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* An empty file in memory, closed on exec; memfd_create(2). The caller closes it; -errno on failure. */
int memory_file(void);

/* From now on free(3) gives blocks of 1 MiB and more back to the host at once. By itself glibc learns from
   the first directory that is freed to keep as much for the next one; mallopt(3), M_MMAP_THRESHOLD. */
void return_large_memory(void);

#ifdef __cplusplus
}
#endif
