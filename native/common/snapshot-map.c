/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directory.db is mapped now. Loaded into every process that resolves a user: no lock that a
 * fork could leave held, no descriptor kept, no thread's mapping pulled away from under it (slots.h).
 */
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cancel.h"
#include "cleanup.h"
#include "clock.h"
#include "protocol.h"
#include "slots.h"
#include "state-file.h"

enum { AT_SUPERSEDED = 8, WITHDRAWN = 2 };

static const uint64_t size_max = SNAPSHOT_SIZE_MAX;

struct mapping {
        const uint8_t *base;
        size_t size;
        struct snapshot_layout layout;
        uint64_t inode;
        uint32_t device_minor;
};

static void unmap(void *value)
{
        struct mapping *mapping = value;

        munmap((void *) mapping->base, mapping->size);
        free(mapping);
}

static struct slots mappings = SLOTS_EMPTY(unmap);
static atomic_llong checked_at_ms; /* when the path was last compared with the mapping */

static uint8_t superseded(const uint8_t *base)
{
        return *(const volatile uint8_t *) (base + AT_SUPERSEDED);
}

static bool is_withdrawn(const struct mapping *mapping)
{
        return superseded(mapping->base) == WITHDRAWN;
}

/* Maps the file of the path, if it can be trusted. */
static int map_file(struct mapping **ret_mapping)
{
        CLEANUP_FREE struct mapping *mapping = malloc(sizeof(*mapping));
        struct statx file;
        CLEANUP_CLOSE int fd = state_file_open(IAMLOGIN_DIRECTORY_NAME, &file);

        if (fd < 0)
                return fd;
        if (mapping == NULL)
                return -ENOMEM;
        if (file.stx_size < SNAPSHOT_HEADER || file.stx_size > size_max)
                return -EBADMSG;
        void *base = mmap(NULL, file.stx_size, PROT_READ, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED)
                return -errno;
        *mapping = (struct mapping){
                .base = base,
                .size = file.stx_size,
                .inode = file.stx_ino,
                .device_minor = file.stx_dev_minor,
        };
        int r = is_withdrawn(mapping) ? -ESTALE : snapshot_check(base, file.stx_size, &mapping->layout);
        if (r < 0) {
                munmap(base, file.stx_size);
                return r;
        }
        *ret_mapping = mapping;
        mapping = NULL;
        return 0;
}

/* A file put in place by hand supersedes nothing: look once a second. */
static bool is_replaced(const struct mapping *mapping)
{
        char path[STATE_PATH_MAX];
        struct statx file;
        long long now = clock_look_ms();

        if (now - atomic_load(&checked_at_ms) < 1000)
                return false;
        atomic_store(&checked_at_ms, now);
        return state_file_path(IAMLOGIN_DIRECTORY_NAME, path, sizeof(path)) == 0 &&
               statx(AT_FDCWD, path, 0, STATX_INO, &file) == 0 &&
               (file.stx_ino != mapping->inode || file.stx_dev_minor != mapping->device_minor);
}

static bool is_current(const struct mapping *mapping)
{
        return superseded(mapping->base) == 0 && !is_replaced(mapping);
}

/* What a call has that found no file to trust: the last good one, unless that was withdrawn. */
static int keep_last_good(struct hold *hold, int r)
{
        if (hold->value == NULL || is_withdrawn(hold->value)) {
                slots_leave(&mappings, hold);
                /* Another thread may have had the descriptor, or the memory, that this one lacked. */
                if (!slots_enter(&mappings, hold))
                        return r;
        }
        if (!is_withdrawn(hold->value))
                return 0;
        slots_leave(&mappings, hold);
        return r;
}

/* For a call that holds no mapping, or one that is not current. */
static int acquire_anew(struct hold *hold)
{
        DEFER_CANCEL;
        struct hold fresh = HOLD_NONE;
        struct mapping *mapping = NULL;

        int r = map_file(&mapping);
        if (r < 0)
                return keep_last_good(hold, r);
        slots_put(&mappings, hold, mapping, &fresh);
        slots_leave(&mappings, hold);
        *hold = fresh;
        return 0;
}

int snapshot_acquire(struct snapshot *ret_snapshot)
{
        struct hold hold = HOLD_NONE;
        int r = 0;

        if (!slots_enter(&mappings, &hold) || !is_current(hold.value))
                r = acquire_anew(&hold);
        const struct mapping *mapping = hold.value;
        if (mapping == NULL)
                return r;
        *ret_snapshot = (struct snapshot){mapping->base, mapping->size, &mapping->layout, hold};
        return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
        slots_leave(&mappings, &snapshot->hold);
        *snapshot = (struct snapshot) SNAPSHOT_NONE;
}

__attribute__((destructor)) static void unmap_current(void)
{
        slots_clear(&mappings);
}
