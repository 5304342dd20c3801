/* SPDX-License-Identifier: Apache-2.0 */
/* Files in memory, by which the resolver and its child processes hand bytes over. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* An empty file in memory, closed on exec; memfd_create(2). The caller closes it; -errno on failure. */
int memory_file(void);

#ifdef __cplusplus
}
#endif
