/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that did not fit in the caller's buffer. libc asks again with a larger one, ten times for a
 * group of some thousand members: the rounds of one lookup cost one request.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define REPLY_CACHE_TTL_MS 1000

/* By name, or by id where there is no name. */
struct question {
        uint8_t opcode;
        const char *name; /* at most IAMLOGIN_NAME_MAX long */
        uint32_t id;
};

/* Keeps the reply for this thread's next round: takes it over. `now_ms` of a clock that never steps back. */
void reply_cache_put(const struct question *question, struct wire_reply *reply, int64_t now_ms);
/* Gives it back, once and for REPLY_CACHE_TTL_MS. */
bool reply_cache_take(const struct question *question, int64_t now_ms, struct wire_reply *ret_reply);
/* Frees what is kept. */
void reply_cache_clear(void);
