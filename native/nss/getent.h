/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list that a process walks by setXXent, getXXent and endXXent. libc calls these under one lock of
 * its own (nss/getXXent_r.c); what it does not lock out is the destructor, which runs at dlclose(3), and
 * at exit(3) while other threads may still be inside.
 */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "clock.h"
#include "enumerate.h"

enum { GETENT_IDLE, GETENT_BUSY, GETENT_CLOSED };

struct getent {
        struct enumeration enumeration;
        atomic_int phase;
};

/* The list, or NULL after the destructor. A child that was forked amid a call finds it busy, and goes on. */
static inline struct enumeration *getent_enter(struct getent *getent)
{
        int phase = GETENT_IDLE;

        if (!atomic_compare_exchange_strong(&getent->phase, &phase, GETENT_BUSY) && phase == GETENT_CLOSED)
                return NULL;
        return &getent->enumeration;
}

static inline void getent_leave(struct getent *getent)
{
        atomic_store(&getent->phase, GETENT_IDLE);
}

/* Frees the list unless a thread is inside. */
static inline void getent_close(struct getent *getent)
{
        int phase = GETENT_IDLE;

        if (atomic_compare_exchange_strong(&getent->phase, &phase, GETENT_CLOSED))
                enumeration_clear(&getent->enumeration);
}

static inline void getent_clear(struct getent *getent)
{
        struct enumeration *enumeration = getent_enter(getent);

        if (enumeration == NULL)
                return;
        enumeration_clear(enumeration);
        getent_leave(getent);
}

/* Gives one entry to libc: 0, -EPERM for one that this host refuses, else an error that ends the list. */
typedef int (*getent_give)(struct reader *entry, void *result);

/* The next entry that this host does not refuse. 0, -ENOENT at the end, other: cannot say. */
static inline int getent_next(struct getent *getent, uint8_t opcode, getent_give give, void *result)
{
        struct enumeration *enumeration = getent_enter(getent);
        struct reader entry;
        int r;

        if (enumeration == NULL)
                return -ECANCELED;
        (void) clock_look_ms(); /* a list goes on for as long as its reader likes */
        do {
                r = enumeration_peek(enumeration, opcode, &entry);
                if (r < 0)
                        break;
                r = give(&entry, result);
                if (r == 0)
                        enumeration_advance(enumeration, &entry);
                if (r == -EPERM)
                        r = enumeration_pass(enumeration, &entry);
        } while (r == -EPERM);
        getent_leave(getent);
        return r;
}
