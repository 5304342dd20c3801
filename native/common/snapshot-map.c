/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directory.db is mapped now. Loaded into every process that resolves a user: no lock that a
 * fork could leave held, no descriptor kept, no thread's mapping pulled away from under it.
 *
 * A few slots, each with a count of holders. `current` names one. A reader counts itself in, then
 * looks whether the slot is still the current one; a slot is unmapped by whoever takes its count
 * from 0 to CLAIMED once it is not. A child forked while another thread was inside keeps that count
 * for ever: one slot less, and with none left the socket answers.
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
#include "state-file.h"

enum { SLOTS = 8, NONE = -1, AT_SUPERSEDED = 8, WITHDRAWN = 2, TRIES_MAX = 1000 };

/* A slot's state: in the low half the holders and CLAIMED, in the high half how often it was mapped. */
#define CLAIMED ((uint64_t) 1 << 31)
#define COUNT_MASK (((uint64_t) 1 << 32) - 1)
#define MAPPED_ONCE_MORE ((uint64_t) 1 << 32)

static const uint64_t size_max = SNAPSHOT_SIZE_MAX;

struct slot {
        const uint8_t *base;
        size_t size;
        struct snapshot_layout layout;
        uint64_t inode;
        uint32_t device_minor;
        _Atomic uint64_t state;
};

static struct slot slots[SLOTS] = {[0 ... SLOTS - 1] = {.state = CLAIMED}};
static atomic_uint in_use;         /* a bit a slot: claimed or mapped */
static atomic_int current_plus_1;  /* 0: none */
static atomic_llong checked_at_ms; /* when the path was last compared with the mapping */

static int map_file(struct slot *slot)
{
        struct statx file;
        CLEANUP_CLOSE int fd = state_file_open(IAMLOGIN_DIRECTORY_NAME, &file);

        if (fd < 0)
                return fd;
        if (file.stx_size < SNAPSHOT_HEADER || file.stx_size > size_max)
                return -EBADMSG;
        void *base = mmap(NULL, file.stx_size, PROT_READ, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED)
                return -errno;
        int r = snapshot_check(base, file.stx_size, &slot->layout);
        if (r < 0) {
                munmap(base, file.stx_size);
                return r;
        }
        slot->base = base;
        slot->size = file.stx_size;
        slot->inode = file.stx_ino;
        slot->device_minor = file.stx_dev_minor;
        return 0;
}

static int claim_slot(void)
{
        for (int i = 0; i < SLOTS; i++) {
                unsigned int bit = 1u << i;
                if ((atomic_fetch_or(&in_use, bit) & bit) == 0)
                        return i;
        }
        return NONE;
}

static void unmap(int index)
{
        struct slot *slot = &slots[index];

        munmap((void *) slot->base, slot->size);
        slot->base = NULL;
        atomic_fetch_and(&in_use, ~(1u << index));
}

/*
 * Whoever takes the count from 0 to CLAIMED unmaps; a reader that counted itself in keeps it. `seen`
 * names the mapping: a slot that was reused meanwhile is another one, although its count is 0 again.
 */
static void reclaim(int index, uint64_t seen)
{
        if (atomic_load(&current_plus_1) != index + 1 &&
            atomic_compare_exchange_strong(&slots[index].state, &seen, seen | CLAIMED))
                unmap(index);
}

static void leave(int index)
{
        uint64_t now = atomic_fetch_sub(&slots[index].state, 1) - 1;

        if ((now & COUNT_MASK) == 0)
                reclaim(index, now);
}

/* Counts this call in at the current slot; NONE when there is none. */
static int enter(void)
{
        for (int tries = 0; tries < TRIES_MAX; tries++) {
                int index = atomic_load(&current_plus_1) - 1;
                if (index < 0)
                        return NONE;
                if ((atomic_fetch_add(&slots[index].state, 1) & CLAIMED) == 0 &&
                    atomic_load(&current_plus_1) == index + 1)
                        return index;
                /* Replaced in between: out again, and once more. */
                leave(index);
        }
        return NONE;
}

/* A file put in place by hand supersedes nothing: look once a second. */
static bool is_replaced(const struct slot *slot)
{
        char path[STATE_PATH_MAX];
        struct statx file;
        long long now = clock_look_ms();

        if (now - atomic_load(&checked_at_ms) < 1000)
                return false;
        atomic_store(&checked_at_ms, now);
        return state_file_path(IAMLOGIN_DIRECTORY_NAME, path, sizeof(path)) == 0 &&
               statx(AT_FDCWD, path, 0, STATX_INO, &file) == 0 &&
               (file.stx_ino != slot->inode || file.stx_dev_minor != slot->device_minor);
}

static uint8_t superseded(const struct slot *slot)
{
        return *(const volatile uint8_t *) (slot->base + AT_SUPERSEDED);
}

static bool is_current(const struct slot *slot)
{
        return superseded(slot) == 0 && !is_replaced(slot);
}

/* Maps the file of the path and makes it current. A bad file leaves the last good one in place. */
static int replace(int old)
{
        DEFER_CANCEL;
        int index = claim_slot();

        if (index == NONE)
                return -EMFILE;
        int r = map_file(&slots[index]);
        if (r < 0) {
                atomic_fetch_and(&in_use, ~(1u << index));
                return r;
        }
        int expected = old + 1;
        /* From CLAIMED to one holder, this call: a passer-by that leaves now reclaims nothing. */
        atomic_fetch_add(&slots[index].state, MAPPED_ONCE_MORE - CLAIMED + 1);
        /* Where another thread was faster, leaving unmaps ours again. */
        atomic_compare_exchange_strong(&current_plus_1, &expected, index + 1);
        leave(index);
        return 0;
}

int snapshot_acquire(struct snapshot *ret_snapshot)
{
        int index = enter();

        if (index == NONE || !is_current(&slots[index])) {
                int r = replace(index);
                /* The last good one serves on, unless it was withdrawn. */
                bool is_lost = r < 0 && (index == NONE || superseded(&slots[index]) == WITHDRAWN);
                if (index != NONE)
                        leave(index);
                if (is_lost)
                        return r;
                index = enter();
                if (index == NONE)
                        return -ENOENT;
        }
        *ret_snapshot = (struct snapshot){slots[index].base, slots[index].size, index, &slots[index].layout};
        return 0;
}

void snapshot_release(struct snapshot *snapshot)
{
        if (snapshot->slot >= 0)
                leave(snapshot->slot);
        *snapshot = (struct snapshot) SNAPSHOT_NONE;
}

/*
 * At dlclose(3) nothing stays mapped. At exit(3) a thread may still be inside: it keeps what it holds,
 * and unmaps that itself when it leaves.
 */
__attribute__((destructor)) static void unmap_current(void)
{
        int index = atomic_exchange(&current_plus_1, 0) - 1;

        if (index < 0)
                return;
        atomic_fetch_add(&slots[index].state, 1);
        leave(index);
}
