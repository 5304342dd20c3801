/* SPDX-License-Identifier: Apache-2.0 */
/* The process table as proc(5) shows it, and signals that cannot hit a pid's next owner. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Sends the signal to each process whose real, effective or saved uid it is, but this one and init; 0
 * only looks. Gives how many there are, or -errno.
 */
int processes_signal(uint32_t uid, int signal);

/*
 * SIGKILL to all of them in one step of the kernel's, which no fork escapes: kill(2) with -1, as that
 * uid. 0, or -errno.
 */
int processes_kill_at_once(uint32_t uid);

/* Waits for a child of this process, at most timeout_ms, then kills it. 0 when it ended well, or -errno. */
int processes_await_child(pid_t child, int timeout_ms);

/* Waits until no process of the uid is left, at most timeout_ms; gives how many are. */
int processes_await(uint32_t uid, int timeout_ms);

#define HELD_MAX 256

/* Processes that a user started as another: found while their own processes still tell that it is theirs. */
struct held {
        struct held_process {
                pid_t pid;
                int fd;                   /* a pidfd, or -1 where the kernel has none */
                unsigned long long start; /* tells a pid's next owner */
        } processes[HELD_MAX];
        size_t count;
};

#define HELD_EMPTY                                                                                           \
        {                                                                                                    \
                .count = 0                                                                                   \
        }
#define CLEANUP_HELD __attribute__((cleanup(processes_release)))

/*
 * Holds each process that logged in as the uid, is somebody else now (sudo, su), has a terminal and
 * runs below one of the uid's processes: not what a daemon or a terminal multiplexer of root's runs,
 * whoever started that once. Their number, or -errno.
 */
int processes_hold(uint32_t uid, struct held *ret_held);
void processes_release(struct held *held);

/* Gives how many of them were still there. */
int processes_signal_held(const struct held *held, int signal);
