/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what a lookup costs that is nothing but a hash table in the process, and
 * what asking another process costs that does nothing but answer.
 */
#include "bench.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* As long as a passwd request and its answer are on our socket. */
#define REQUEST_SIZE 24
#define RESPONSE_SIZE 80

struct table {
        struct slot {
                uint64_t hash;
                const struct key *key;
        } * slots;
        size_t mask;
        struct passwd passwd;
};

static uint64_t fnv1a(const char *text)
{
        uint64_t hash = 14695981039346656037ull;
        for (; *text != '\0'; text++)
                hash = (hash ^ (unsigned char) *text) * 1099511628211ull;
        return hash;
}

static void *open_table(const void *argument)
{
        const struct keys *keys = argument;
        struct table *table = calloc(1, sizeof *table);
        size_t size = 16;

        while (size < keys->count * 2)
                size *= 2;
        if (table == NULL || (table->slots = calloc(size, sizeof *table->slots)) == NULL)
                return NULL;
        table->mask = size - 1;
        for (size_t i = 0; i < keys->count; i++) {
                uint64_t hash = fnv1a(keys->at[i].name);
                size_t at = hash & table->mask;
                while (table->slots[at].key != NULL)
                        at = (at + 1) & table->mask;
                table->slots[at] = (struct slot){hash, &keys->at[i]};
        }
        return table;
}

static enum outcome call_table(void *state, const struct key *key)
{
        struct table *table = state;
        uint64_t hash = fnv1a(key->name);

        for (size_t at = hash & table->mask; table->slots[at].key != NULL; at = (at + 1) & table->mask) {
                const struct key *found = table->slots[at].key;
                if (table->slots[at].hash == hash && strcmp(found->name, key->name) == 0) {
                        table->passwd.pw_name = (char *) found->name;
                        table->passwd.pw_uid = found->id;
                        table->passwd.pw_gid = found->id;
                        return FOUND;
                }
        }
        return MISSING;
}

static bool right_table(void *state, const struct key *key)
{
        const struct table *table = state;
        return table->passwd.pw_uid == key->id && strcmp(table->passwd.pw_name, key->name) == 0;
}

int command_hash(const struct options *options)
{
        struct plan plan = {.expected = FOUND,
                            .processes = options->processes,
                            .duration_ns = options->milliseconds * 1000000ull};
        int r = load_keys(options->keys, &plan.keys);
        if (r < 0)
                return r;

        /* The table keeps the file's order, as the callers shuffle their own copy. */
        struct keys copy = {calloc(plan.keys.count, sizeof(struct key)), plan.keys.count};
        if (copy.at == NULL)
                return -ENOMEM;
        memcpy(copy.at, plan.keys.at, copy.count * sizeof(struct key));
        const struct target target = {call_table, right_table, open_table, &copy};
        r = run_timing(&target, &plan);
        free(copy.at);
        free(plan.keys.at);
        return r;
}

static int set_address(const char *path, struct sockaddr_un *ret_address)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (path == NULL || strlen(path) >= sizeof address.sun_path)
                return -EINVAL;
        strcpy(address.sun_path, path);
        *ret_address = address;
        return 0;
}

struct peer {
        struct sockaddr_un address;
        bool kept;
        int fd;
};

static void *open_peer(const void *argument)
{
        struct peer *peer = malloc(sizeof *peer);
        if (peer != NULL)
                *peer = *(const struct peer *) argument;
        return peer;
}

static int connect_peer(const struct peer *peer)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &peer->address, sizeof peer->address) < 0) {
                int error = errno;
                close(fd);
                return -error;
        }
        return fd;
}

static bool exchange(int fd)
{
        char bytes[RESPONSE_SIZE] = {0};
        if (send(fd, bytes, REQUEST_SIZE, MSG_NOSIGNAL) != REQUEST_SIZE)
                return false;
        for (size_t got = 0; got < sizeof bytes;) {
                ssize_t n = recv(fd, bytes + got, sizeof bytes - got, 0);
                if (n <= 0)
                        return false;
                got += (size_t) n;
        }
        return true;
}

static enum outcome call_peer(void *state, const struct key *key)
{
        struct peer *peer = state;
        (void) key;
        int fd = peer->kept && peer->fd >= 0 ? peer->fd : connect_peer(peer);
        if (fd < 0)
                return FAILED;
        bool done = exchange(fd);
        if (peer->kept && done) {
                peer->fd = fd;
        } else {
                close(fd);
                peer->fd = -1;
        }
        return done ? FOUND : FAILED;
}

static bool right_peer(void *state, const struct key *key)
{
        (void) state;
        (void) key;
        return true;
}

int command_ping(const struct options *options)
{
        struct key key = {.name = "ping"};
        struct plan plan = {.keys = {&key, 1},
                            .expected = FOUND,
                            .processes = options->processes,
                            .duration_ns = options->milliseconds * 1000000ull};
        struct peer peer = {.kept = options->kept, .fd = -1};
        int r = set_address(options->path, &peer.address);
        if (r < 0)
                return r;
        const struct target target = {call_peer, right_peer, open_peer, &peer};
        return run_timing(&target, &plan);
}

static void serve(int fd)
{
        char bytes[RESPONSE_SIZE] = {0};
        ssize_t n = recv(fd, bytes, REQUEST_SIZE, 0);
        if (n <= 0 || send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) < 0)
                close(fd);
}

/* Answers until it is killed. */
int command_echo(const struct options *options)
{
        struct sockaddr_un address;
        int r = set_address(options->path, &address);
        int listener = r < 0 ? r : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int poller = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN};

        if (listener < 0 || poller < 0)
                return r < 0 ? r : -errno;
        event.data.fd = listener;
        unlink(options->path);
        if (bind(listener, (const struct sockaddr *) &address, sizeof address) < 0 ||
            listen(listener, 1024) < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0)
                return -errno;

        for (;;) {
                int n = epoll_wait(poller, &event, 1, -1);
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n < 1)
                        continue;
                if (event.data.fd != listener) {
                        serve(event.data.fd);
                        continue;
                }
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                if (fd >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
                        close(fd);
        }
}
