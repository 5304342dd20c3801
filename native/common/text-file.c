/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Keeps no descriptor. */
#include "text-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

void text_file_clear(struct text_file *file)
{
        if (file->base != NULL)
                munmap(file->base, file->size);
        *file = (struct text_file) TEXT_FILE_EMPTY;
}

/* To the end of the file; -EBUSY when there is more than room. */
static int read_all(int fd, struct text_file *file)
{
        for (;;) {
                if (file->length == file->size)
                        return -EBUSY;
                ssize_t n = read(fd, file->base + file->length, file->size - file->length);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return 0;
                if (n > 0)
                        file->length += (size_t) n;
        }
}

int text_file_read(const char *path, struct text_file *ret_file)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        CLEANUP_TEXT_FILE struct text_file file = TEXT_FILE_EMPTY;
        struct statx status = {.stx_mask = 0};

        if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) < 0)
                return -errno;
        if (!S_ISREG(status.stx_mode))
                return -EINVAL;
        if (status.stx_size > TEXT_FILE_MAX)
                return -EFBIG;
        /* Room for what is appended meanwhile. */
        size_t size = (size_t) status.stx_size + 4096;
        void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base == MAP_FAILED)
                return -errno;
        file.base = base;
        file.size = size;
        int r = read_all(fd, &file);
        if (r < 0)
                return r;
        *ret_file = file;
        file = (struct text_file) TEXT_FILE_EMPTY;
        return 0;
}
