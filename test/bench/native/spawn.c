/* SPDX-License-Identifier: Apache-2.0 */
/* Wall time of a command from posix_spawn(3) to its end; its output goes nowhere. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_once(char **command, const posix_spawn_file_actions_t *actions)
{
        pid_t pid;
        int status = 0;
        int error = posix_spawn(&pid, command[0], actions, NULL, command, environ);
        if (error != 0)
                return -error;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int command_spawn(const struct options *options)
{
        posix_spawn_file_actions_t actions;
        uint64_t *samples = calloc(options->runs, sizeof *samples);
        uint64_t total = 0;
        int r = samples == NULL || options->command[0] == NULL ? -EINVAL : 0;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        for (unsigned i = 0; r == 0 && i < options->runs; i++) {
                uint64_t start = monotonic_ns();
                r = run_once(options->command, &actions);
                samples[i] = monotonic_ns() - start;
                total += samples[i];
        }
        posix_spawn_file_actions_destroy(&actions);
        if (r == 0) {
                printf("{\"runs\":%u,\"mean_ns\":%llu", options->runs,
                       (unsigned long long) (total / options->runs));
                print_samples(samples, options->runs, 0);
                printf("}\n");
        }
        free(samples);
        return r;
}
