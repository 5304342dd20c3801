/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmark's own program: it times calls that are made one after the other, as a
 * program on the host would make them, and prints one JSON object on stdout.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one call answered. */
enum outcome {
        FOUND,
        MISSING,
        FAILED,
};

/* One line of a key file: a name, its uid or gid, and how many groups or members to expect. */
struct key {
        char name[64];
        uint32_t id;
        uint32_t count;
};

struct keys {
        struct key *at;
        size_t count;
};

/*
 * A thing to time. call() does the work and nothing else; right() says after a FOUND
 * call whether the answer, which is still in the buffers, is the expected one.
 */
struct target {
        enum outcome (*call)(void *state, const struct key *key);
        bool (*right)(void *state, const struct key *key);
        /* Makes the state inside of the process that will call; NULL: out of memory. */
        void *(*open)(const void *argument);
        const void *argument;
};

struct plan {
        struct keys keys;
        enum outcome expected;
        unsigned processes;
        uint64_t duration_ns; /* of each of the two timed phases */
        bool cold;            /* each key once, no warming: what a first lookup costs */
};

struct options {
        const char *service, *op, *keys, *path, *name;
        unsigned processes, milliseconds, runs;
        bool miss, cold, kept;
        char **command;
};

uint64_t monotonic_ns(void);
int load_keys(const char *path, struct keys *ret_keys);
void print_samples(uint64_t *samples, size_t count, uint64_t timer_ns);
/* What one reading of the clock costs. */
uint64_t timer_cost_ns(void);

int run_timing(const struct target *target, const struct plan *plan);
int find_nss_target(const char *op, struct target *ret_target);
int use_service(const char *service);

int command_lookup(const struct options *options);
int command_enumerate(const struct options *options);
int command_hold(const struct options *options);
int command_wait(const struct options *options);
int command_hash(const struct options *options);
int command_ping(const struct options *options);
int command_echo(const struct options *options);
int command_spawn(const struct options *options);
int command_paced(const struct options *options);
