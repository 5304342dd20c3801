/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times one call at a time and prints nanoseconds, one a line.
 *   lookup-bench nss MODULE COUNT NAME...   getpwnam_r of the module, names in turn
 *   lookup-bench ping SOCKET COUNT SIZE     connect, send 15 bytes, receive SIZE bytes, close
 *   lookup-bench run COUNT PROGRAM ARG...   fork, exec and wait, output thrown away
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef enum nss_status getpwnam_fn(const char *, struct passwd *, char *, size_t, int *);

static uint64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
}

static void fail(const char *what)
{
        perror(what);
        exit(1);
}

static void look_up(getpwnam_fn *getpwnam_, const char *name)
{
        struct passwd entry;
        char buffer[4096];
        int error = 0;

        if (getpwnam_(name, &entry, buffer, sizeof(buffer), &error) != NSS_STATUS_SUCCESS) {
                fprintf(stderr, "%s: %s\n", name, strerror(error));
                exit(1);
        }
}

static void ping(const char *path, size_t size)
{
        static char buffer[65536];
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t got = 0;

        strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                fail("connect");
        if (send(fd, "123456789012345", 15, MSG_NOSIGNAL) != 15)
                fail("send");
        while (got < size) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
                if (n <= 0)
                        fail("recv");
                got += (size_t) n;
        }
        close(fd);
}

static void run(char **argv)
{
        int status;
        pid_t child = vfork();

        if (child == 0) {
                int null = open("/dev/null", O_WRONLY);
                dup2(null, STDOUT_FILENO);
                execvp(argv[0], argv);
                _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
            WEXITSTATUS(status) != 0)
                fail(argv[0]);
}

int main(int argc, char **argv)
{
        if (argc >= 4 && strcmp(argv[1], "run") == 0) {
                for (long i = 0, count = atol(argv[2]); i < count; i++) {
                        uint64_t before = now_ns();
                        run(argv + 3);
                        printf("%llu\n", (unsigned long long) (now_ns() - before));
                }
                return 0;
        }
        if (argc < 5)
                return 2;
        long count = atol(argv[3]);
        getpwnam_fn *getpwnam_ = NULL;
        if (strcmp(argv[1], "nss") == 0) {
                void *module = dlopen(argv[2], RTLD_NOW);
                getpwnam_ = module == NULL ? NULL : (getpwnam_fn *) dlsym(module, "_nss_iamlogin_getpwnam_r");
                if (getpwnam_ == NULL) {
                        fprintf(stderr, "%s\n", dlerror());
                        return 1;
                }
        }
        for (long i = -count / 10; i < count; i++) { /* a tenth more, thrown away, to warm up */
                uint64_t before = now_ns();
                if (getpwnam_ != NULL)
                        look_up(getpwnam_, argv[4 + (i + count) % (argc - 4)]);
                else
                        ping(argv[2], (size_t) atol(argv[4]));
                uint64_t took = now_ns() - before;
                if (i >= 0)
                        printf("%llu\n", (unsigned long long) took);
        }
        return 0;
}
