/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user's groups, and part of the key command. */
#include "root-list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cancel.h"
#include "cleanup.h"
#include "place.h"

static const char *path_of(enum root_list which)
{
        static const struct {
                const char *path, *test_variable;
        } lists[] = {
                [ROOT_LIST_LOCAL_GROUPS] = {"/etc/iamlogin/local-groups", "IAMLOGIN_LOCAL_GROUPS"},
                [ROOT_LIST_SHARED_ACCOUNTS] = {"/etc/iamlogin/shared-accounts", "IAMLOGIN_SHARED_ACCOUNTS"},
                [ROOT_LIST_IDS] = {"/etc/iamlogin/ids", "IAMLOGIN_IDS"},
        };
        return place_of(lists[which].path, lists[which].test_variable);
}

int root_list_read(enum root_list which, char text[ROOT_LIST_MAX])
{
        DEFER_CANCEL;
        CLEANUP_CLOSE int fd = open(path_of(which), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct statx file = {.stx_mask = 0};
        size_t length = 0;

        text[0] = '\0';
        if (fd < 0)
                return -errno;
        if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &file) < 0)
                return -errno;
        if (!S_ISREG(file.stx_mode) || file.stx_uid != 0 || (file.stx_mode & (S_IWGRP | S_IWOTH)) != 0)
                return -EPERM;
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
        return 0;
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
