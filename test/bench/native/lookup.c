/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups through glibc under one NSS service, chosen in the process: no nsswitch.conf. */
#include "bench.h"

#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Room for a group of 50,000 members. */
#define BUFFER_SIZE (4u * 1024 * 1024)
#define GROUPS_MAX 4096

struct answer {
        struct passwd passwd;
        struct group group;
        gid_t groups[GROUPS_MAX];
        int group_count;
        char *buffer;
};

int use_service(const char *service)
{
        const char *databases[] = {"passwd", "group", "initgroups"};
        for (size_t i = 0; i < 3; i++)
                if (__nss_configure_lookup(databases[i], service) != 0)
                        return -errno;
        return 0;
}

static void *open_answer(const void *argument)
{
        (void) argument;
        struct answer *answer = calloc(1, sizeof *answer);
        if (answer == NULL)
                return NULL;
        answer->buffer = malloc(BUFFER_SIZE);
        return answer->buffer == NULL ? NULL : answer;
}

static enum outcome outcome_of(int error, const void *found)
{
        if (error != 0)
                return FAILED;
        return found == NULL ? MISSING : FOUND;
}

static enum outcome call_getpwnam(void *state, const struct key *key)
{
        struct answer *a = state;
        struct passwd *found = NULL;
        int error = getpwnam_r(key->name, &a->passwd, a->buffer, BUFFER_SIZE, &found);
        return outcome_of(error, found);
}

static enum outcome call_getpwuid(void *state, const struct key *key)
{
        struct answer *a = state;
        struct passwd *found = NULL;
        int error = getpwuid_r(key->id, &a->passwd, a->buffer, BUFFER_SIZE, &found);
        return outcome_of(error, found);
}

static enum outcome call_getgrnam(void *state, const struct key *key)
{
        struct answer *a = state;
        struct group *found = NULL;
        int error = getgrnam_r(key->name, &a->group, a->buffer, BUFFER_SIZE, &found);
        return outcome_of(error, found);
}

static enum outcome call_getgrgid(void *state, const struct key *key)
{
        struct answer *a = state;
        struct group *found = NULL;
        int error = getgrgid_r(key->id, &a->group, a->buffer, BUFFER_SIZE, &found);
        return outcome_of(error, found);
}

/* getgrouplist(3) knows no "missing": a user without groups has the one that was given. */
static enum outcome call_initgroups(void *state, const struct key *key)
{
        struct answer *a = state;
        a->group_count = GROUPS_MAX;
        if (getgrouplist(key->name, key->id, a->groups, &a->group_count) < 0)
                return FAILED;
        return a->group_count > 1 ? FOUND : MISSING;
}

static bool right_passwd(void *state, const struct key *key)
{
        const struct answer *a = state;
        return a->passwd.pw_uid == key->id && a->passwd.pw_gid == key->id &&
               strcmp(a->passwd.pw_name, key->name) == 0;
}

static bool right_group(void *state, const struct key *key)
{
        const struct answer *a = state;
        uint32_t members = 0;
        while (a->group.gr_mem[members] != NULL)
                members++;
        return a->group.gr_gid == key->id && members == key->count &&
               strcmp(a->group.gr_name, key->name) == 0;
}

static bool right_initgroups(void *state, const struct key *key)
{
        const struct answer *a = state;
        return (uint32_t) a->group_count == key->count;
}

static const struct {
        const char *name;
        struct target target;
} nss_targets[] = {
        {"getpwnam", {call_getpwnam, right_passwd, open_answer, NULL}},
        {"getpwuid", {call_getpwuid, right_passwd, open_answer, NULL}},
        {"getgrnam", {call_getgrnam, right_group, open_answer, NULL}},
        {"getgrgid", {call_getgrgid, right_group, open_answer, NULL}},
        {"initgroups", {call_initgroups, right_initgroups, open_answer, NULL}},
};

int find_nss_target(const char *op, struct target *ret_target)
{
        for (size_t i = 0; i < sizeof nss_targets / sizeof nss_targets[0]; i++)
                if (strcmp(op, nss_targets[i].name) == 0) {
                        *ret_target = nss_targets[i].target;
                        return 0;
                }
        return -EINVAL;
}

int command_lookup(const struct options *options)
{
        struct plan plan = {.expected = options->miss ? MISSING : FOUND,
                            .processes = options->processes,
                            .duration_ns = options->milliseconds * 1000000ull,
                            .cold = options->cold};
        struct target target;

        int r = find_nss_target(options->op, &target);
        if (r == 0)
                r = load_keys(options->keys, &plan.keys);
        if (r == 0)
                r = use_service(options->service);
        if (r == 0)
                r = run_timing(&target, &plan);
        free(plan.keys.at);
        return r;
}

/* Lists the whole database `runs` times; the shortest run is least disturbed, the median is told too. */
int command_enumerate(const struct options *options)
{
        uint64_t *samples = calloc(options->runs, sizeof *samples);
        size_t entries = 0;
        bool passwd = strcmp(options->op, "passwd") == 0;

        int r = samples == NULL ? -ENOMEM : use_service(options->service);
        for (unsigned i = 0; r == 0 && i < options->runs; i++) {
                uint64_t start = monotonic_ns();
                entries = 0;
                if (passwd) {
                        setpwent();
                        while (getpwent() != NULL)
                                entries++;
                        endpwent();
                } else {
                        setgrent();
                        while (getgrent() != NULL)
                                entries++;
                        endgrent();
                }
                samples[i] = monotonic_ns() - start;
        }
        if (r == 0) {
                printf("{\"entries\":%zu,\"runs\":%u", entries, options->runs);
                print_samples(samples, options->runs, 0);
                printf("}\n");
        }
        free(samples);
        return r;
}

/* Answers are awaited for a minute at most: a start that takes longer has failed. */
int command_wait(const struct options *options)
{
        struct key key = {0};
        struct target target;
        int r = find_nss_target("getpwnam", &target);

        if (options->name == NULL || strlen(options->name) >= sizeof key.name)
                return -EINVAL;
        strcpy(key.name, options->name);
        if (r == 0)
                r = use_service(options->service);
        void *state = target.open(NULL);
        if (state == NULL)
                return -ENOMEM;
        for (uint64_t limit = monotonic_ns() + 60000000000ull; r == 0;) {
                enum outcome outcome = target.call(state, &key);
                uint64_t now = monotonic_ns();
                if (outcome == FOUND) {
                        printf("{\"at_ns\":%llu}\n", (unsigned long long) now);
                        return 0;
                }
                if (now > limit)
                        return -ETIMEDOUT;
                usleep(500);
        }
        return r;
}

struct held {
        uint64_t calls, wrong, failed, longest_ns;
};

static void hold_child(struct keys keys, struct held *held, int until, unsigned seed)
{
        static const char *const ops[] = {"getpwnam", "getpwuid"};
        void *state = open_answer(NULL);
        struct pollfd end = {.fd = until, .events = POLLIN};

        if (state == NULL)
                _exit(1);
        for (size_t turn = 0; turn % 256 != 0 || poll(&end, 1, 0) == 0; turn++) {
                struct target target = {0};
                const struct key *key = &keys.at[(size_t) rand_r(&seed) % keys.count];
                if (find_nss_target(ops[turn % 2], &target) < 0)
                        _exit(1);
                uint64_t start = monotonic_ns();
                enum outcome outcome = target.call(state, key);
                uint64_t spent = monotonic_ns() - start;

                held->calls++;
                if (spent > held->longest_ns)
                        held->longest_ns = spent;
                if (outcome != FOUND)
                        held->failed++;
                else if (!target.right(state, key))
                        held->wrong++;
        }
        _exit(0);
}

/* Looks up known users in N processes until stdin ends, and looks at every answer. */
int command_hold(const struct options *options)
{
        struct keys keys = {0};
        struct held sum = {0};
        int r = load_keys(options->keys, &keys);
        if (r == 0)
                r = use_service(options->service);
        if (r < 0)
                return r;

        struct held *held = mmap(NULL, options->processes * sizeof *held, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (held == MAP_FAILED)
                return -errno;
        for (unsigned p = 0; p < options->processes; p++) {
                pid_t pid = fork();
                if (pid < 0)
                        return -errno;
                if (pid == 0)
                        hold_child(keys, &held[p], STDIN_FILENO, p + 1);
        }
        unsigned died = 0;
        for (unsigned p = 0; p < options->processes; p++) {
                int status = 0;
                if (wait(&status) < 0 || status != 0)
                        died++;
        }
        for (unsigned p = 0; p < options->processes; p++) {
                sum.calls += held[p].calls;
                sum.wrong += held[p].wrong;
                sum.failed += held[p].failed;
                if (held[p].longest_ns > sum.longest_ns)
                        sum.longest_ns = held[p].longest_ns;
        }
        printf("{\"processes\":%u,\"died\":%u,\"calls\":%llu,\"wrong\":%llu,\"failed\":%llu,"
               "\"max_ns\":%llu}\n",
               options->processes, died, (unsigned long long) sum.calls, (unsigned long long) sum.wrong,
               (unsigned long long) sum.failed, (unsigned long long) sum.longest_ns);
        return 0;
}
