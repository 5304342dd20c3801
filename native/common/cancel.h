/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pthread_cancel(3) ends a thread inside of poll, recv, open and the like, and leaves what was held
 * there: a descriptor, a buffer, a mapping. A caller of such a function defers cancellation until it
 * is done, which is at most a deadline later; a hit in directory.db calls none. Where no libpthread is
 * loaded (glibc before 2.34) libc's own forwarder does nothing, and no thread can be cancelled.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>

static inline int cancel_disable(void)
{
        int state = PTHREAD_CANCEL_ENABLE;

        (void) pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
        return state;
}

static inline void cancel_restore(const int *state)
{
        (void) pthread_setcancelstate(*state, NULL);
}

#define CLEANUP_CANCEL __attribute__((cleanup(cancel_restore)))
/* To be the first declaration of a function: the others are cleaned up before cancellation is back. */
#define DEFER_CANCEL CLEANUP_CANCEL __attribute__((unused)) const int cancel_state = cancel_disable()
