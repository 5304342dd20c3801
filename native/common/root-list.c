/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. */
#include "root-list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cancel.h"
#include "cleanup.h"
#include "path.h"

const char *root_list_folder(void)
{
        return path_of(ROOT_LISTS_DIR, "IAMLOGIN_ROOT_LISTS");
}

const char *root_list_name(enum root_list which)
{
        static const char *const names[] = {
                [ROOT_LIST_IDS] = "ids",
                [ROOT_LIST_LOCAL_GROUPS] = "local-groups",
                [ROOT_LIST_SHARED_ACCOUNTS] = "shared-accounts",
        };
        return names[which];
}

static int check_owner(int fd, mode_t type)
{
        struct statx file = {.stx_mask = 0};

        if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &file) < 0)
                return -errno;
        return (file.stx_mode & S_IFMT) == type && file.stx_uid == 0 &&
                               (file.stx_mode & (S_IWGRP | S_IWOTH)) == 0
                       ? 0
                       : -EPERM;
}

int root_list_read(enum root_list which, char text[ROOT_LIST_MAX])
{
        DEFER_CANCEL;
        CLEANUP_CLOSE int folder = open(root_list_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        CLEANUP_CLOSE int fd = -1;
        size_t length = 0;

        text[0] = '\0';
        if (folder < 0)
                return errno == ENOTDIR || errno == ELOOP ? -EPERM : -errno;
        int r = check_owner(folder, S_IFDIR);
        if (r < 0)
                return r;
        fd = openat(folder, root_list_name(which), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return errno == ELOOP ? -EPERM : -errno;
        r = check_owner(fd, S_IFREG);
        if (r < 0)
                return r;
        while (length < ROOT_LIST_MAX - 1) {
                ssize_t n = read(fd, text + length, ROOT_LIST_MAX - 1 - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        text[0] = '\0';
                        return -errno;
                }
                if (n == 0)
                        break;
                length += (size_t) n;
        }
        /* Of a list that is too long the last name may be half of another one. */
        if (length == ROOT_LIST_MAX - 1)
                while (length > 0 && text[length - 1] != '\n')
                        length--;
        text[length] = '\0';
        if (strlen(text) == length)
                return 0;
        text[0] = '\0';
        return -EBADMSG;
}

bool root_list_has(const char *text, const char *name, size_t length)
{
        if (length == 0 || name[0] == '#')
                return false;
        while (*text != '\0') {
                size_t line = strcspn(text, "\n");
                if (line == length && memcmp(text, name, length) == 0)
                        return true;
                text += line + (text[line] == '\n');
        }
        return false;
}
