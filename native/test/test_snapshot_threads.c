/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lookup never fails because other threads are amid one: neither while many of them open the file at
 * once, nor with every slot taken for ever, as a child has it that was forked amid lookups.
 */
#include <sched.h>
#include <stdatomic.h>

#include "state-file.h"

enum { THREADS = 64 };

static atomic_bool is_slow;
static atomic_int opening, done;

/* The file takes as long to open as it takes all other threads to ask for it too, or to give up. */
static int open_when_all_ask(const char *name, struct statx *ret_file)
{
        atomic_fetch_add(&opening, 1);
        while (atomic_load(&is_slow) && atomic_load(&opening) + atomic_load(&done) < THREADS)
                sched_yield();
        return state_file_open(name, ret_file);
}

#define state_file_open open_when_all_ask
#include "../common/snapshot-map.c"
#undef state_file_open

#include <sys/wait.h>

#include "check.h"
#include "host.h"

static void *acquire(void *argument)
{
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;

        *(int *) argument = snapshot_acquire(&snapshot);
        CHECK(snapshot.base == NULL || memcmp(snapshot.base, "IAMLDB1\n", 8) == 0);
        atomic_fetch_add(&done, 1);
        return NULL;
}

static void acquire_in_all_threads(void)
{
        pthread_t threads[THREADS];
        int results[THREADS];

        atomic_store(&opening, 0);
        atomic_store(&done, 0);
        atomic_store(&is_slow, true);
        for (size_t i = 0; i < THREADS; i++)
                CHECK(pthread_create(&threads[i], NULL, acquire, &results[i]) == 0);
        for (size_t i = 0; i < THREADS; i++)
                CHECK(pthread_join(threads[i], NULL) == 0 && results[i] == 0);
        atomic_store(&is_slow, false);
}

static int count_mappings(void)
{
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[1024];
        int count = 0;

        CHECK(maps != NULL);
        while (fgets(line, sizeof(line), maps) != NULL)
                count += strstr(line, "directory.db") != NULL;
        fclose(maps);
        return count;
}

static void serves_threads_that_begin_at_once(void)
{
        acquire_in_all_threads();
        CHECK(count_mappings() == 1);
        host_publish("directory-db");
        acquire_in_all_threads();
        CHECK(count_mappings() == 1);
}

static uint64_t inode_of_file(void)
{
        struct statx file;

        int fd = state_file_open("directory.db", &file);
        CHECK(fd >= 0 && close(fd) == 0);
        return file.stx_ino;
}

static void serves_the_newest_file(void)
{
        struct snapshot snapshot = SNAPSHOT_NONE;

        CHECK(snapshot_acquire(&snapshot) == 0);
        CHECK(((struct mapping *) snapshot.hold.value)->inode == inode_of_file());
        snapshot_release(&snapshot);
}

static void serves_with_every_slot_taken(void)
{
        struct snapshot held[SLOTS];
        int status;

        for (size_t i = 0; i < SLOTS; i++) {
                host_publish("directory-db");
                CHECK(snapshot_acquire(&held[i]) == 0 && held[i].hold.slot >= 0);
        }
        /* Current is one of those held; then one that found no slot, in a child as well. */
        for (int i = 0; i < 2; i++) {
                serves_the_newest_file();
                CHECK(count_mappings() == SLOTS);
                pid_t child = fork();
                if (child == 0) {
                        serves_the_newest_file();
                        _exit(0);
                }
                CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
                acquire_in_all_threads();
                CHECK(count_mappings() == SLOTS);
                host_publish("directory-db");
        }
        for (size_t i = 0; i < SLOTS; i++)
                snapshot_release(&held[i]);
        serves_the_newest_file();
        CHECK(count_mappings() == 1);
}

int main(void)
{
        host_start();
        host_publish("directory-db");
        serves_threads_that_begin_at_once();
        serves_with_every_slot_taken();
        slots_clear(&mappings);
        CHECK(count_mappings() == 0);
        host_stop();
        return 0;
}
