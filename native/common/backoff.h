/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resolver that takes connections and never answers costs a time-out. One process pays it once: for
 * some seconds its further lookups of names that directory.db does not hold "cannot say" at once, then
 * one of them tries again. The pause grows with each time-out in a row; the first answer ends it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS 2000
#define BACKOFF_MAX_MS 8000

/* Whether the resolver may be asked now, in ms of a clock that never steps back. */
bool backoff_allows(int64_t now_ms);
/* What came of a call that had the whole IAMLOGIN_LOOKUP_DEADLINE_MS: wire_call's result. */
void backoff_note(int result, int64_t now_ms);
