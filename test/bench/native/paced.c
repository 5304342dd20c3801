/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookups over the resolver's socket on a fixed schedule, each timed from when it was due: an
 * answer that is late makes the next ones late too, and none is left out. One line a lookup:
 * milliseconds since the epoch, nanoseconds.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int look_up(const struct sockaddr_un *address, const char *name)
{
        unsigned char bytes[256] = {0};
        size_t length = strlen(name);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ssize_t got = -1;

        if (fd < 0)
                return -errno;
        /* u32 length, version 1, PASSWD_BY_NAME 2, flags 0, str: native/common/protocol.h */
        bytes[0] = (unsigned char) (6 + length);
        bytes[4] = 1;
        bytes[5] = 2;
        bytes[8] = (unsigned char) length;
        memcpy(bytes + 10, name, length);
        if (connect(fd, (const struct sockaddr *) address, sizeof *address) == 0 &&
            send(fd, bytes, 10 + length, MSG_NOSIGNAL) == (ssize_t) (10 + length))
                got = recv(fd, bytes, sizeof bytes, 0);
        close(fd);
        return got > 8 && bytes[6] == 0 ? 0 : -EIO;
}

/* --path SOCKET --name USER --runs PER_SECOND --ms DURATION */
int command_paced(const struct options *options)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        uint64_t period = 1000000000ull / options->runs;
        uint64_t due = monotonic_ns();
        uint64_t end = due + options->milliseconds * 1000000ull;

        if (options->path == NULL || strlen(options->path) >= sizeof address.sun_path ||
            options->name == NULL || strlen(options->name) > 32)
                return -EINVAL;
        strcpy(address.sun_path, options->path);
        prctl(PR_SET_TIMERSLACK, 1);
        for (; due < end; due += period) {
                struct timespec at = {(time_t) (due / 1000000000), (long) (due % 1000000000)};
                struct timespec now;
                while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                        ;
                int r = look_up(&address, options->name);
                if (r < 0)
                        return r;
                uint64_t took = monotonic_ns() - due;
                clock_gettime(CLOCK_REALTIME, &now);
                printf("%lld %llu\n", (long long) now.tv_sec * 1000 + now.tv_nsec / 1000000,
                       (unsigned long long) took);
        }
        return 0;
}
