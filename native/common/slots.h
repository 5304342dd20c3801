/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value that threads read while others replace it: no lock that a fork could leave held, nothing freed
 * under a reader.
 *
 * A few slots, each with a count of holders. `current_plus_1` names one. A reader counts itself in, then
 * looks whether the slot is still the current one; the value is freed by whoever takes its count from 0 to
 * CLAIMED once it is not. A child forked while another thread was inside keeps that count for ever: one
 * slot less. As in snapshot-map.c, whose slots hold a mapped file.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOTS = 8, SLOT_NONE = -1, SLOT_TRIES_MAX = 1000 };

/* A slot's state: in the low half the holders and CLAIMED, in the high half how often it was filled. */
#define SLOT_CLAIMED ((uint64_t) 1 << 31)
#define SLOT_COUNT (((uint64_t) 1 << 32) - 1)
#define SLOT_FILLED_ONCE_MORE ((uint64_t) 1 << 32)

struct slot {
        void *value;
        _Atomic uint64_t state;
};

struct slots {
        struct slot each[SLOTS];
        atomic_uint in_use;        /* a bit a slot: claimed or filled */
        atomic_int current_plus_1; /* 0: none */
        void (*free)(void *value);
};

#define SLOTS_EMPTY(free_value)                                                                              \
        {                                                                                                    \
                .each = {[0 ... SLOTS - 1] = {.state = SLOT_CLAIMED}}, .free = (free_value)                  \
        }

/* `seen` names the filling: a slot that was reused meanwhile is another one, although its count is 0. */
static inline void slots_reclaim(struct slots *slots, int index, uint64_t seen)
{
        struct slot *slot = &slots->each[index];

        if (atomic_load(&slots->current_plus_1) == index + 1 ||
            !atomic_compare_exchange_strong(&slot->state, &seen, seen | SLOT_CLAIMED))
                return;
        slots->free(slot->value);
        slot->value = NULL;
        atomic_fetch_and(&slots->in_use, ~(1u << index));
}

static inline void slots_leave(struct slots *slots, int index)
{
        uint64_t now = atomic_fetch_sub(&slots->each[index].state, 1) - 1;

        if ((now & SLOT_COUNT) == 0)
                slots_reclaim(slots, index, now);
}

/* The index of the current slot, held until slots_leave; SLOT_NONE when there is none. */
static inline int slots_enter(struct slots *slots)
{
        for (int tries = 0; tries < SLOT_TRIES_MAX; tries++) {
                int index = atomic_load(&slots->current_plus_1) - 1;
                if (index < 0)
                        return SLOT_NONE;
                if ((atomic_fetch_add(&slots->each[index].state, 1) & SLOT_CLAIMED) == 0 &&
                    atomic_load(&slots->current_plus_1) == index + 1)
                        return index;
                /* Replaced in between: out again, and once more. */
                slots_leave(slots, index);
        }
        return SLOT_NONE;
}

/* No value is current any more, unless another thread put one there. The caller holds the slot. */
static inline void slots_drop(struct slots *slots, int index)
{
        int expected = index + 1;

        atomic_compare_exchange_strong(&slots->current_plus_1, &expected, 0);
}

/*
 * Makes the value the current one in place of that of slot `old` (SLOT_NONE: of none), unless another
 * thread was faster: then it is freed. The caller holds `old`, and leaves it. 0, or -1 without a free slot:
 * the value stays the caller's.
 */
static inline int slots_replace(struct slots *slots, int old, void *value)
{
        for (int i = 0; i < SLOTS; i++) {
                unsigned int bit = 1u << i;
                int expected = old + 1;
                if ((atomic_fetch_or(&slots->in_use, bit) & bit) != 0)
                        continue;
                slots->each[i].value = value;
                /* From CLAIMED to one holder, this call: a passer-by that leaves now reclaims nothing. */
                atomic_fetch_add(&slots->each[i].state, SLOT_FILLED_ONCE_MORE - SLOT_CLAIMED + 1);
                atomic_compare_exchange_strong(&slots->current_plus_1, &expected, i + 1);
                slots_leave(slots, i);
                return 0;
        }
        return -1;
}
