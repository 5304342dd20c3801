/* SPDX-License-Identifier: Apache-2.0 */
/* Part of iamlogin-terminate, which runs as root. */
#include "processes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { FILE_MAX = 4096 };

/* Of one process: what the kernel tells now. */
struct process {
        uint32_t uids[3]; /* real, effective, saved */
        uint32_t login_uid;
        bool has_terminal;
};

static int read_text(int folder, const char *name, char text[FILE_MAX])
{
        CLEANUP_CLOSE int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        ssize_t length = read(fd, text, FILE_MAX - 1);
        if (length < 0)
                return -errno;
        text[length] = '\0';
        return 0;
}

/* The next decimal number; moves on behind it. */
static int read_number(const char **text, long long *ret_number)
{
        char *end = NULL;

        errno = 0;
        long long number = strtoll(*text, &end, 10);
        if (end == *text || errno != 0)
                return -EBADMSG;
        *text = end;
        *ret_number = number;
        return 0;
}

static int read_process(int folder, struct process *ret_process)
{
        struct process process = {.login_uid = UINT32_MAX};
        char text[FILE_MAX];
        long long number = 0;

        int r = read_text(folder, "status", text);
        if (r < 0)
                return r;
        const char *at = strstr(text, "\nUid:");
        if (at == NULL)
                return -EBADMSG;
        at += strlen("\nUid:");
        for (size_t i = 0; r == 0 && i < 3; i++) {
                r = read_number(&at, &number);
                process.uids[i] = (uint32_t) number;
        }
        /* Not every kernel has it. */
        at = text;
        if (r == 0 && read_text(folder, "loginuid", text) == 0 && read_number(&at, &number) == 0)
                process.login_uid = (uint32_t) number;
        if (r == 0)
                r = read_text(folder, "stat", text);
        if (r < 0)
                return r;
        /* "pid (name) state ppid pgrp session tty": the name may hold anything, parentheses too. */
        at = strrchr(text, ')');
        if (at == NULL || strlen(at) < 4)
                return -EBADMSG;
        at += 3;
        for (int field = 0; r == 0 && field < 4; field++)
                r = read_number(&at, &number);
        process.has_terminal = number != 0;
        *ret_process = process;
        return r;
}

static bool is_wanted(const struct process *process, uint32_t uid, enum whose whose)
{
        bool owned = process->uids[0] == uid || process->uids[1] == uid || process->uids[2] == uid;

        return whose == OWNED ? owned : !owned && process->login_uid == uid && process->has_terminal;
}

/*
 * 1 when the process is one of them and was told, 0 when not, -errno. The pidfd is opened before
 * the last look: what is signalled is what was looked at. ret_fd, where wanted, keeps it open.
 */
static int visit(int proc, const char *name, uint32_t uid, enum whose whose, int signal_number, int *ret_fd)
{
        CLEANUP_CLOSE int folder = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct process process;
        pid_t pid = (pid_t) strtol(name, NULL, 10);

        if (folder < 0 || pid <= 1 || pid == getpid() || read_process(folder, &process) < 0 ||
            !is_wanted(&process, uid, whose))
                return 0;
        CLEANUP_CLOSE int fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0 && errno != ENOSYS)
                return 0; /* it ended */
        if (fd >= 0 && (read_process(folder, &process) < 0 || !is_wanted(&process, uid, whose)))
                return 0;
        if (signal_number != 0) {
                long r = fd >= 0 ? syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0)
                                 : kill(pid, signal_number);
                if (r < 0 && errno != ESRCH)
                        return -errno;
        }
        if (ret_fd != NULL) {
                *ret_fd = fd;
                fd = -1;
        }
        return 1;
}

int processes_signal(uint32_t uid, enum whose whose, int signal_number)
{
        DIR *proc = opendir("/proc");
        int count = 0, error = 0;

        if (proc == NULL)
                return -errno;
        for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
                if (!isdigit((unsigned char) entry->d_name[0]))
                        continue;
                int r = visit(dirfd(proc), entry->d_name, uid, whose, signal_number, NULL);
                if (r < 0)
                        error = r;
                else
                        count += r;
        }
        closedir(proc);
        return error < 0 ? error : count;
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The first process that is left: its pidfd, -1 where the kernel has none, -2 when nobody is left. */
static int first_left(uint32_t uid)
{
        DIR *proc = opendir("/proc");
        int fd = -2;

        if (proc == NULL)
                return -2;
        for (struct dirent *entry; fd == -2 && (entry = readdir(proc)) != NULL;) {
                int found = -1;
                if (isdigit((unsigned char) entry->d_name[0]) &&
                    visit(dirfd(proc), entry->d_name, uid, OWNED, 0, &found) == 1)
                        fd = found;
        }
        closedir(proc);
        return fd;
}

int processes_await(uint32_t uid, int timeout_ms)
{
        int64_t until = now_ms() + timeout_ms;

        for (;;) {
                int64_t left = until - now_ms();
                int fd = first_left(uid);
                if (fd == -2)
                        return 0;
                if (left <= 0) {
                        if (fd >= 0)
                                close(fd);
                        return processes_signal(uid, OWNED, 0);
                }
                struct pollfd poller = {.fd = fd, .events = POLLIN};
                /* Without pidfds nothing tells the end: look again in a moment. */
                (void) poll(&poller, 1, fd >= 0 ? (int) left : 50);
                if (fd >= 0)
                        close(fd);
        }
}
