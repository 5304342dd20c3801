/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A value that threads read while others replace it: no lock that a fork could leave held, nothing freed
 * under a reader, and no call that fails because another thread is amid one.
 *
 * A few slots, each with a count of holders. `current_plus_1` names one. A reader counts itself in, then
 * looks whether the slot is still the current one; the thread that takes the count of another one from 0
 * to CLAIMED frees its value. A slot is taken only for a value that is whole: however long it takes to make
 * one, it keeps no slot from other threads. A child forked while another thread was inside keeps that count
 * for ever: one slot less. A value that finds no slot serves the call that made it, which frees it again.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
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

/* A value that stays until slots_leave(). Without a slot it is this holder's alone. */
struct hold {
        void *value;
        int slot;
};

#define HOLD_NONE                                                                                            \
        {                                                                                                    \
                NULL, SLOT_NONE                                                                              \
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

static inline void slots_count_out(struct slots *slots, int index)
{
        uint64_t now = atomic_fetch_sub(&slots->each[index].state, 1) - 1;

        if ((now & SLOT_COUNT) == 0)
                slots_reclaim(slots, index, now);
}

static inline void slots_leave(struct slots *slots, struct hold *hold)
{
        if (hold->slot >= 0)
                slots_count_out(slots, hold->slot);
        else if (hold->value != NULL)
                slots->free(hold->value);
        *hold = (struct hold) HOLD_NONE;
}

/* Whether there is a current value: held until slots_leave(). */
static inline bool slots_enter(struct slots *slots, struct hold *ret_hold)
{
        for (int tries = 0; tries < SLOT_TRIES_MAX; tries++) {
                int index = atomic_load(&slots->current_plus_1) - 1;
                if (index < 0)
                        return false;
                if ((atomic_fetch_add(&slots->each[index].state, 1) & SLOT_CLAIMED) == 0 &&
                    atomic_load(&slots->current_plus_1) == index + 1) {
                        *ret_hold = (struct hold){slots->each[index].value, index};
                        return true;
                }
                /* Replaced in between: out again, and once more. */
                slots_count_out(slots, index);
        }
        return false;
}

/* The held value is current no more, unless another thread put one in its place. */
static inline void slots_drop(struct slots *slots, const struct hold *hold)
{
        int expected = hold->slot + 1;

        if (hold->slot >= 0)
                atomic_compare_exchange_strong(&slots->current_plus_1, &expected, 0);
}

/*
 * Holds the value, and makes it the current one in place of `old` (HOLD_NONE: of none), unless another
 * thread was faster, or all slots are taken: then `old` is dropped. The caller leaves `old`.
 */
static inline void slots_put(struct slots *slots, const struct hold *old, void *value, struct hold *ret_hold)
{
        for (int i = 0; i < SLOTS; i++) {
                unsigned int bit = 1u << i;
                int expected = old->slot + 1;
                if ((atomic_fetch_or(&slots->in_use, bit) & bit) != 0)
                        continue;
                slots->each[i].value = value;
                /* From CLAIMED to one holder, the caller: a passer-by that leaves now reclaims nothing. */
                atomic_fetch_add(&slots->each[i].state, SLOT_FILLED_ONCE_MORE - SLOT_CLAIMED + 1);
                atomic_compare_exchange_strong(&slots->current_plus_1, &expected, i + 1);
                *ret_hold = (struct hold){value, i};
                return;
        }
        slots_drop(slots, old);
        *ret_hold = (struct hold){value, SLOT_NONE};
}

/*
 * For a destructor: dlclose(3), and exit(3), where other threads may still be inside. They keep what they
 * hold, and the last of them frees it.
 */
static inline void slots_clear(struct slots *slots)
{
        struct hold hold = HOLD_NONE;

        if (slots_enter(slots, &hold)) {
                slots_drop(slots, &hold);
                slots_leave(slots, &hold);
        }
}
