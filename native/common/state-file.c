/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Keeps no descriptor. */
#include "state-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "path.h"
#include "protocol.h"

int state_file_path(const char *name, char *path, size_t size)
{
        int length = snprintf(path, size, "%s/%s", path_of(IAMLOGIN_STATE_DIR, "IAMLOGIN_STATE_DIR"), name);

        return length < 0 || (size_t) length >= size ? -ENAMETOOLONG : 0;
}

/* Writable by root or the folder's owner alone. */
static bool is_trusted(const struct statx *file, const struct statx *folder)
{
        return S_ISREG(file->stx_mode) && (file->stx_mode & (S_IWGRP | S_IWOTH)) == 0 &&
               (folder->stx_mode & S_IWOTH) == 0 && (file->stx_uid == 0 || file->stx_uid == folder->stx_uid);
}

int state_file_open(const char *name, struct statx *ret_file)
{
        char path[STATE_PATH_MAX];
        struct statx folder, file;
        CLEANUP_CLOSE int fd = -1;

        int r = state_file_path(name, path, sizeof(path));
        if (r < 0)
                return r;
        if (statx(AT_FDCWD, path_of(IAMLOGIN_STATE_DIR, "IAMLOGIN_STATE_DIR"), 0, STATX_BASIC_STATS,
                  &folder) < 0)
                return -errno;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &file) < 0)
                return -errno;
        if (!is_trusted(&file, &folder))
                return -EPERM;
        *ret_file = file;
        r = fd;
        fd = -1;
        return r;
}
