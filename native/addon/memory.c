/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into the resolver. */
#include "memory.h"

#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>

int memory_file(void)
{
        int fd = memfd_create("iamlogin", MFD_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

void return_large_memory(void)
{
        (void) mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}
