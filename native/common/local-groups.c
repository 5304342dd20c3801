/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user's groups. Reads two files of root's; asks nobody. */
#include "local-groups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

enum { LIST_MAX = 4096 };

static const char *path_of(const char *path, const char *test_variable)
{
#ifdef IAMLOGIN_TEST_PATHS
        const char *test = secure_getenv(test_variable);
        if (test != NULL)
                return test;
#endif
        (void) test_variable;
        return path;
}

/* 1 and the text when root wrote the file and nobody else may. */
static int read_list(char text[LIST_MAX])
{
        const char *path = path_of("/etc/iamlogin/local-groups", "IAMLOGIN_LOCAL_GROUPS");
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct statx file = {.stx_mask = 0};
        size_t length = 0;

        text[0] = '\0';
        if (fd < 0)
                return -errno;
        if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &file) < 0)
                return -errno;
        if (!S_ISREG(file.stx_mode) || file.stx_uid != 0 || (file.stx_mode & (S_IWGRP | S_IWOTH)) != 0)
                return -EPERM;
        for (;;) {
                ssize_t n = read(fd, text + length, LIST_MAX - 1 - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
        }
        text[length] = '\0';
        return 1;
}

static bool is_listed(const char *list, const char *name, size_t length)
{
        while (*list != '\0') {
                size_t line = strcspn(list, "\n");
                if (line == length && memcmp(list, name, length) == 0)
                        return true;
                list += line + (list[line] == '\n');
        }
        return false;
}

static long long now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return (long long) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t local_groups_read(uint32_t gids[LOCAL_GROUPS_MAX])
{
        /* Most hosts have no list: a process looks for one once a second. */
        static atomic_llong absent_until_ms;
        CLEANUP_FREE char *line = NULL;
        char list[LIST_MAX];
        size_t size = 0;
        uint32_t count = 0;

        if (now_ms() < atomic_load(&absent_until_ms))
                return 0;
        int r = read_list(list);
        if (r == -ENOENT)
                atomic_store(&absent_until_ms, now_ms() + 1000);
        if (r < 0)
                return 0;
        FILE *file = fopen(path_of("/etc/group", "IAMLOGIN_GROUP_FILE"), "re");
        if (file == NULL)
                return 0;
        while (count < LOCAL_GROUPS_MAX && getline(&line, &size, file) > 0) {
                const char *name_end = strchr(line, ':');
                const char *password_end = name_end == NULL ? NULL : strchr(name_end + 1, ':');
                char *end = NULL;
                if (password_end == NULL || name_end == line || line[0] == '#' ||
                    !is_listed(list, line, (size_t) (name_end - line)))
                        continue;
                unsigned long gid = strtoul(password_end + 1, &end, 10);
                if (end != password_end + 1 && *end == ':' && gid > 0 && gid < UINT32_MAX)
                        gids[count++] = (uint32_t) gid;
        }
        fclose(file);
        return count;
}
