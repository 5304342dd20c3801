/* SPDX-License-Identifier: Apache-2.0 */
/* Part of iamlogin-terminate, which runs as root. */
#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "decimal.h"
#include "protocol.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { FILE_MAX = 4096, DEPTH_MAX = 64, CHILD_MS = 1000 };

enum whose {
        OWNED,         /* real, effective or saved uid */
        BECAME_OTHERS, /* see processes_hold */
};

/* Of one process: what the kernel tells now. */
struct process {
        uint32_t uids[3]; /* real, effective, saved */
        uint32_t login_uid;
        pid_t parent;
        bool has_terminal;
        bool is_over;             /* a zombie: nothing of it runs, and its parent may never look */
        unsigned long long start; /* ticks since boot */
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
        const char *at = *text + strspn(*text, " \t\n");
        bool negative = *at == '-';
        uint64_t number;

        at += negative;
        if (decimal_read_u64(&at, at + strlen(at), &number) < 0 || number > INT64_MAX)
                return -EBADMSG;
        *text = at;
        *ret_number = negative ? -(long long) number : (long long) number;
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
        char state = at[2];
        at += 3;
        long long threads = 0;
        /* Fields 4 to 22: parent, group, session, tty ... start time. */
        for (int field = 4; r == 0 && field <= 22; field++) {
                r = read_number(&at, &number);
                if (field == 4)
                        process.parent = (pid_t) number;
                else if (field == 7)
                        process.has_terminal = number != 0;
                else if (field == 20)
                        threads = number;
                else if (field == 22)
                        process.start = (unsigned long long) number;
        }
        process.is_over = (state == 'Z' || state == 'X') && threads <= 1;
        if (r == 0)
                *ret_process = process;
        return r;
}

static bool is_owned(const struct process *process, uint32_t uid)
{
        return process->uids[0] == uid || process->uids[1] == uid || process->uids[2] == uid;
}

static int open_process(int proc, pid_t pid)
{
        char name[16];

        if (proc < 0)
                return -EBADF;
        (void) snprintf(name, sizeof(name), "%d", (int) pid);
        int fd = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* Whether one of the uid's own processes is above it. */
static bool runs_below(int proc, const struct process *process, uint32_t uid)
{
        pid_t parent = process->parent;

        for (int depth = 0; depth < DEPTH_MAX && parent > 1; depth++) {
                CLEANUP_CLOSE int folder = open_process(proc, parent);
                struct process above = {.parent = 0};
                if (folder < 0 || read_process(folder, &above) < 0)
                        return false;
                if (is_owned(&above, uid))
                        return true;
                parent = above.parent;
        }
        return false;
}

static bool is_what_they_became(int proc, const struct process *process, uint32_t uid)
{
        return !is_owned(process, uid) && process->login_uid == uid && process->has_terminal &&
               runs_below(proc, process, uid);
}

static bool is_wanted(int proc, const struct process *process, uint32_t uid, enum whose whose)
{
        if (process->is_over)
                return false;
        return whose == OWNED ? is_owned(process, uid) : is_what_they_became(proc, process, uid);
}

/*
 * 1 and the process, held, when it is one of them; 0 when not. The pidfd is opened before the last
 * look: what is held is what was looked at. The caller closes its fd.
 */
static int take(int proc, const char *name, uint32_t uid, enum whose whose, struct held_process *ret_process)
{
        struct process process = {.parent = 0};
        uint32_t pid;

        if (decimal_u32(name, strlen(name), &pid) < 0 || pid > INT32_MAX)
                return 0;
        struct held_process held = {.pid = (pid_t) pid, .fd = -1};
        if (held.pid <= 1 || held.pid == getpid())
                return 0;
        CLEANUP_CLOSE int folder = open_process(proc, held.pid);
        if (folder < 0 || read_process(folder, &process) < 0 || !is_wanted(proc, &process, uid, whose))
                return 0;
        CLEANUP_CLOSE int fd = (int) syscall(SYS_pidfd_open, held.pid, 0);
        if (fd < 0 && (errno == ESRCH || errno == EINVAL))
                return 0; /* it ended; without pidfds, for any other reason, the start time must do */
        if (fd >= 0 && (read_process(folder, &process) < 0 || !is_wanted(proc, &process, uid, whose)))
                return 0;
        held.start = process.start;
        held.fd = fd;
        fd = -1;
        *ret_process = held;
        return 1;
}

/* 1 when it was there, 0 when it ended, -errno. */
static int send_signal(const struct held_process *held, int signal_number)
{
        long r;

        if (held->fd >= 0) {
                r = syscall(SYS_pidfd_send_signal, held->fd, signal_number, NULL, 0);
        } else {
                /* Without pidfds the start time tells whether the pid is still the same process's. */
                CLEANUP_CLOSE int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                CLEANUP_CLOSE int folder = open_process(proc, held->pid);
                struct process process = {.parent = 0};
                if (folder < 0 || read_process(folder, &process) < 0 || process.start != held->start)
                        return 0;
                r = kill(held->pid, signal_number);
        }
        if (r < 0)
                return errno == ESRCH ? 0 : -errno;
        return 1;
}

int processes_signal(uint32_t uid, int signal_number)
{
        DIR *proc = opendir("/proc");
        int count = 0, error = 0;

        if (proc == NULL)
                return -errno;
        for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
                struct held_process held;
                if (take(dirfd(proc), entry->d_name, uid, OWNED, &held) == 0)
                        continue;
                int r = send_signal(&held, signal_number);
                if (held.fd >= 0)
                        close(held.fd);
                if (r < 0)
                        error = r;
                else
                        count += r;
        }
        closedir(proc);
        return error < 0 ? error : count;
}

int processes_hold(uint32_t uid, struct held *ret_held)
{
        DIR *proc = opendir("/proc");
        size_t count = 0;

        if (proc == NULL)
                return -errno;
        for (struct dirent *entry; count < HELD_MAX && (entry = readdir(proc)) != NULL;)
                if (take(dirfd(proc), entry->d_name, uid, BECAME_OTHERS, &ret_held->processes[count]) == 1)
                        count++;
        closedir(proc);
        ret_held->count = count;
        return (int) count;
}

void processes_release(struct held *held)
{
        for (size_t i = 0; i < held->count; i++)
                if (held->processes[i].fd >= 0)
                        close(held->processes[i].fd);
        held->count = 0;
}

int processes_signal_held(const struct held *held, int signal_number)
{
        int count = 0;

        for (size_t i = 0; i < held->count; i++)
                count += send_signal(&held->processes[i], signal_number) == 1;
        return count;
}

int processes_await_child(pid_t child, int timeout_ms)
{
        int64_t until = clock_ms(CLOCK_MONOTONIC) + timeout_ms;
        const struct timespec pause = {.tv_nsec = 1000000};
        int status = 0;

        for (;;) {
                pid_t ended = waitpid(child, &status, WNOHANG);
                if (ended == child)
                        return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -ECHILD;
                if (ended < 0 && errno != EINTR)
                        return -errno;
                if (clock_ms(CLOCK_MONOTONIC) >= until)
                        break;
                nanosleep(&pause, NULL);
        }
        (void) kill(child, SIGKILL);
        (void) waitpid(child, &status, 0);
        return -ETIMEDOUT;
}

/*
 * kill(2) goes by the sender's real and effective uid, and by the target's real and saved one. So only
 * the effective one is theirs: they can't signal this process back, and stop it half-way. The others
 * are an id that is reserved and owns no process; as root's they would hit all of root's.
 */
static int kill_as(uint32_t uid)
{
        uid_t real, effective, saved;

        if (setresuid(IAMLOGIN_ID_NONE16, uid, IAMLOGIN_ID_NONE16) < 0 ||
            getresuid(&real, &effective, &saved) < 0 || real != IAMLOGIN_ID_NONE16 || effective != uid ||
            saved != IAMLOGIN_ID_NONE16)
                return -EPERM;
        return kill(-1, SIGKILL) == 0 || errno == ESRCH ? 0 : -errno;
}

int processes_kill_at_once(uint32_t uid)
{
        pid_t child = fork();

        if (child < 0)
                return -errno;
        if (child == 0)
                _exit(kill_as(uid) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        return processes_await_child(child, CHILD_MS);
}

/* The first process that is left: its pidfd, -1 where the kernel has none, -2 when none is left. */
static int first_left(uint32_t uid)
{
        DIR *proc = opendir("/proc");
        int fd = -2;

        if (proc == NULL)
                return -2;
        for (struct dirent *entry; fd == -2 && (entry = readdir(proc)) != NULL;) {
                struct held_process held;
                if (take(dirfd(proc), entry->d_name, uid, OWNED, &held) == 1)
                        fd = held.fd;
        }
        closedir(proc);
        return fd;
}

int processes_await(uint32_t uid, int timeout_ms)
{
        int64_t until = clock_ms(CLOCK_MONOTONIC) + timeout_ms;

        for (;;) {
                int64_t left = until - clock_ms(CLOCK_MONOTONIC);
                int fd = first_left(uid);
                if (fd == -2)
                        return 0;
                if (left <= 0) {
                        if (fd >= 0)
                                close(fd);
                        return processes_signal(uid, 0);
                }
                struct pollfd poller = {.fd = fd, .events = POLLIN};
                /* Without pidfds nothing tells the end: look again in a moment. */
                (void) poll(&poller, 1, fd >= 0 ? (int) left : 50);
                if (fd >= 0)
                        close(fd);
        }
}
