/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list that a process walks by setXXent, getXXent and endXXent. libc calls these under one lock of
 * its own (nss/getXXent_r.c); what it does not lock out is the destructor, which runs at dlclose(3), and
 * at exit(3) while other threads may still be inside.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include "listing.h"

enum { WALK_IDLE, WALK_BUSY, WALK_CLOSED };

struct walk {
        struct listing listing;
        atomic_int phase;
};

/* The list, or NULL after the destructor. A child that was forked amid a call finds it busy, and goes on. */
static inline struct listing *walk_enter(struct walk *walk)
{
        int phase = WALK_IDLE;

        if (!atomic_compare_exchange_strong(&walk->phase, &phase, WALK_BUSY) && phase == WALK_CLOSED)
                return NULL;
        return &walk->listing;
}

static inline void walk_leave(struct walk *walk)
{
        atomic_store(&walk->phase, WALK_IDLE);
}

/* Frees the list unless a thread is inside. */
static inline void walk_close(struct walk *walk)
{
        int phase = WALK_IDLE;

        if (atomic_compare_exchange_strong(&walk->phase, &phase, WALK_CLOSED))
                listing_clear(&walk->listing);
}

static inline void walk_clear(struct walk *walk)
{
        struct listing *listing = walk_enter(walk);

        if (listing == NULL)
                return;
        listing_clear(listing);
        walk_leave(walk);
}
