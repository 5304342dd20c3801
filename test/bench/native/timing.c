/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times a target in N processes at once, in two phases. First batches of about one
 * millisecond, with two readings of the clock a batch: the median batch gives the time of
 * a call without the clock's own cost and without whoever else took the processor. Then
 * single calls, for the percentiles; the clock's cost is taken off.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX 200000
#define BATCHES_MAX 4096
#define BATCH_NS 1000000

struct result {
        uint64_t calls, wrong, failed;
        size_t batch_count, sample_count;
        double batches[BATCHES_MAX];
        uint64_t samples[]; /* as many as the run's capacity */
};

uint64_t monotonic_ns(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static int compare_u64(const void *left, const void *right)
{
        uint64_t a = *(const uint64_t *) left, b = *(const uint64_t *) right;
        return (a > b) - (a < b);
}

static int compare_double(const void *left, const void *right)
{
        double a = *(const double *) left, b = *(const double *) right;
        return (a > b) - (a < b);
}

uint64_t timer_cost_ns(void)
{
        uint64_t costs[1001];
        for (size_t i = 0; i < 1001; i++) {
                uint64_t start = monotonic_ns();
                costs[i] = monotonic_ns() - start;
        }
        qsort(costs, 1001, sizeof costs[0], compare_u64);
        return costs[500];
}

int load_keys(const char *path, struct keys *ret_keys)
{
        FILE *file = path == NULL ? NULL : fopen(path, "re");
        if (file == NULL)
                return path == NULL ? -EINVAL : -errno;

        struct keys keys = {0};
        struct key key = {0};
        size_t room = 0;
        int r = 0;
        while (fscanf(file, "%63s %u %u", key.name, &key.id, &key.count) == 3) {
                if (keys.count == room) {
                        room = room == 0 ? 1024 : room * 2;
                        struct key *grown = reallocarray(keys.at, room, sizeof *grown);
                        if (grown == NULL) {
                                r = -ENOMEM;
                                break;
                        }
                        keys.at = grown;
                }
                keys.at[keys.count++] = key;
        }
        fclose(file);
        if (r == 0 && keys.count == 0)
                r = -ENODATA;
        if (r < 0)
                free(keys.at);
        else
                *ret_keys = keys;
        return r;
}

/* Every process asks in an order of its own. */
static void shuffle(struct keys *keys, unsigned seed)
{
        for (size_t i = keys->count; i > 1; i--) {
                size_t j = (size_t) rand_r(&seed) % i;
                struct key held = keys->at[i - 1];
                keys->at[i - 1] = keys->at[j];
                keys->at[j] = held;
        }
}

/* Asks every key once and looks at the answers; warms caches by the way. */
static void verify(const struct target *target, void *state, const struct plan *plan, struct result *result)
{
        for (size_t i = 0; i < plan->keys.count; i++) {
                const struct key *key = &plan->keys.at[i];
                enum outcome outcome = target->call(state, key);
                if (outcome != plan->expected)
                        result->failed++;
                else if (outcome == FOUND && !target->right(state, key))
                        result->wrong++;
        }
}

/*
 * A key's id is asked where the first call did not end, so that a batch is not always
 * the same keys.
 */
static void time_batches(const struct target *target, void *state, const struct plan *plan,
                         struct result *result)
{
        uint64_t start = monotonic_ns(), batch_start = start;
        size_t next = 0, batch = 1, done = 0;

        for (;;) {
                if (target->call(state, &plan->keys.at[next]) != plan->expected)
                        result->failed++;
                next = next + 1 == plan->keys.count ? 0 : next + 1;
                if (++done < batch)
                        continue;

                uint64_t now = monotonic_ns(), spent = now - batch_start;
                result->calls += done;
                if (result->batch_count < BATCHES_MAX)
                        result->batches[result->batch_count++] = (double) spent / (double) done;
                if (now - start >= plan->duration_ns)
                        return;
                /* Grow towards batches of a millisecond; the small ones at the start are dropped. */
                if (spent < BATCH_NS / 2) {
                        batch *= 2;
                        result->batch_count = 0;
                }
                done = 0;
                batch_start = monotonic_ns();
        }
}

static void time_singles(const struct target *target, void *state, const struct plan *plan,
                         struct result *result, size_t capacity)
{
        uint64_t begin = monotonic_ns();
        size_t limit = plan->cold ? plan->keys.count : capacity;

        for (size_t i = 0; i < limit && i < capacity; i++) {
                const struct key *key = &plan->keys.at[i % plan->keys.count];
                uint64_t start = monotonic_ns();
                enum outcome outcome = target->call(state, key);
                uint64_t end = monotonic_ns();

                if (outcome != plan->expected)
                        result->failed++;
                result->samples[result->sample_count++] = end - start;
                if (!plan->cold && end - begin >= plan->duration_ns)
                        return;
        }
}

static void child(const struct target *target, struct plan plan, struct result *result, size_t capacity,
                  int ready, int go, unsigned seed)
{
        void *state = target->open(target->argument);
        if (state == NULL)
                _exit(1);
        shuffle(&plan.keys, seed);
        if (!plan.cold)
                verify(target, state, &plan, result);

        char byte = 0;
        if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 0)
                _exit(1);
        if (!plan.cold)
                time_batches(target, state, &plan, result);
        time_singles(target, state, &plan, result, capacity);
        _exit(0);
}

void print_samples(uint64_t *samples, size_t count, uint64_t timer_ns)
{
        qsort(samples, count, sizeof *samples, compare_u64);
        const struct {
                const char *name;
                size_t index;
        } wanted[] = {{"p50_ns", count / 2}, {"p99_ns", count - 1 - count / 100}, {"max_ns", count - 1}};

        for (size_t i = 0; i < 3; i++) {
                uint64_t sample = count == 0 ? 0 : samples[wanted[i].index];
                printf(",\"%s\":%llu", wanted[i].name,
                       (unsigned long long) (sample > timer_ns ? sample - timer_ns : 0));
        }
}

static int report(const struct plan *plan, char *results, size_t stride)
{
        struct result sum = {0};
        size_t batch_count = 0, sample_count = 0;
        uint64_t *samples = NULL;
        double *batches = NULL;

        for (unsigned p = 0; p < plan->processes; p++) {
                const struct result *result = (const struct result *) (void *) (results + p * stride);
                sum.batch_count += result->batch_count;
                sum.sample_count += result->sample_count;
                sum.calls += result->calls;
                sum.wrong += result->wrong;
                sum.failed += result->failed;
        }
        samples = calloc(sum.sample_count + 1, sizeof *samples);
        batches = calloc(sum.batch_count + 1, sizeof *batches);
        if (samples == NULL || batches == NULL) {
                free(samples);
                free(batches);
                return -ENOMEM;
        }
        double total = 0;
        for (unsigned p = 0; p < plan->processes; p++) {
                const struct result *result = (const struct result *) (void *) (results + p * stride);
                memcpy(batches + batch_count, result->batches, result->batch_count * sizeof *batches);
                memcpy(samples + sample_count, result->samples, result->sample_count * sizeof *samples);
                batch_count += result->batch_count;
                sample_count += result->sample_count;
        }
        for (size_t i = 0; i < sample_count; i++)
                total += (double) samples[i];
        qsort(batches, batch_count, sizeof *batches, compare_double);

        uint64_t timer_ns = timer_cost_ns();
        double call_ns = batch_count > 0 ? batches[batch_count / 2]
                                         : (sample_count > 0 ? total / (double) sample_count : 0);
        printf("{\"processes\":%u,\"calls\":%llu,\"wrong\":%llu,\"failed\":%llu,\"call_ns\":%.2f",
               plan->processes, (unsigned long long) (sum.calls + sample_count),
               (unsigned long long) sum.wrong, (unsigned long long) sum.failed, call_ns);
        print_samples(samples, sample_count, timer_ns);
        printf(",\"timer_ns\":%llu}\n", (unsigned long long) timer_ns);
        free(samples);
        free(batches);
        return 0;
}

int run_timing(const struct target *target, const struct plan *plan)
{
        size_t capacity = plan->processes > 1 ? SAMPLES_MAX / 10 : SAMPLES_MAX;
        size_t stride = sizeof(struct result) + capacity * sizeof(uint64_t);
        int ready[2], go[2], r = 0;

        char *results = mmap(NULL, stride * plan->processes, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (results == MAP_FAILED)
                return -errno;
        if (pipe(ready) < 0 || pipe(go) < 0)
                return -errno;

        for (unsigned p = 0; p < plan->processes; p++) {
                pid_t pid = fork();
                if (pid < 0)
                        return -errno;
                if (pid == 0) {
                        close(ready[0]);
                        close(go[1]);
                        child(target, *plan, (struct result *) (void *) (results + p * stride), capacity,
                              ready[1], go[0], p + 1);
                }
        }
        close(ready[1]);
        close(go[0]);
        char byte;
        for (unsigned p = 0; p < plan->processes; p++)
                if (read(ready[0], &byte, 1) != 1)
                        r = -EIO; /* a child is gone; the others still have to be let go */
        close(go[1]);
        for (unsigned p = 0; p < plan->processes; p++) {
                int status = 0;
                if (wait(&status) < 0 || status != 0)
                        r = -EIO;
        }
        close(ready[0]);
        if (r == 0)
                r = report(plan, results, stride);
        munmap(results, stride * plan->processes);
        return r;
}
