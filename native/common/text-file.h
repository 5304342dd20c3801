/* SPDX-License-Identifier: Apache-2.0 */
/* A file of root's, whole in memory of its own: not mapped, for an editor may cut it short. */
#pragma once

#include <stddef.h>

/* A million accounts and more. */
#define TEXT_FILE_MAX ((size_t) 64 << 20)

struct text_file {
        char *base; /* a mapping, so that no lock of the process's malloc(3) is needed after a fork */
        size_t size;
        size_t length;
};

#define TEXT_FILE_EMPTY                                                                                      \
        {                                                                                                    \
                NULL, 0, 0                                                                                   \
        }
#define CLEANUP_TEXT_FILE __attribute__((cleanup(text_file_clear)))

void text_file_clear(struct text_file *file);

/* 0; -EFBIG above TEXT_FILE_MAX, -EBUSY while it grows faster than it is read, else -errno. */
int text_file_read(const char *path, struct text_file *ret_file);
