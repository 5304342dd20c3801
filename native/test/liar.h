/* SPDX-License-Identifier: Apache-2.0 */
/* A resolver that says whatever the test wants: a thread on a socket in a folder of its own. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct liar {
        char folder[64];
        int listener;
        pthread_t thread;
        /* What each connection is answered: a copy under the lock, for a caller that gives up early
         * leaves the thread sending. */
        pthread_mutex_t lock;
        uint8_t answer[1048576];
        size_t length;
        /* What takes the place of `answer` after the next connection. */
        uint8_t then[1024];
        size_t then_length;
        /* What the last connection asked. */
        uint8_t request[16384];
        size_t request_length;
        bool silent; /* never answers and never closes */
        bool drip;   /* one byte each 20 ms */
        bool endless;
        int delay_ms;     /* before each answer */
        bool leads_on;    /* of an enumeration: each page says that the next one is one further */
        atomic_int count; /* of connections */
        bool hold;        /* keeps the connection after the answer */
        int hang_ups;     /* so many connections are closed without an answer */
        int held[64];     /* connections that silence keeps open */
        size_t held_count;
};

void liar_start(struct liar *liar);
void liar_say(struct liar *liar, const uint8_t *bytes, size_t length);
/* What it says from the second connection on. */
void liar_then(struct liar *liar, const uint8_t *bytes, size_t length);
/* Copies the last request; gives its length. */
size_t liar_asked(struct liar *liar, uint8_t *bytes, size_t max);
void liar_stop(struct liar *liar);
