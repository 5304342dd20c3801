/* SPDX-License-Identifier: Apache-2.0 */
/* When a process asks a resolver again that did not answer in time. Time is the test's. */
#include <errno.h>

#include "backoff.h"
#include "check.h"
#include "protocol.h"

enum { START = 1000000 };

static int64_t now = START;

/* Moves to just before the pause ends, checks that nobody asks until then, and lets one probe through. */
static void expect_pause(int64_t pause)
{
        CHECK(!backoff_allows(now) && !backoff_allows(now + pause - 1));
        now += pause;
        CHECK(backoff_allows(now));
        CHECK(!backoff_allows(now)); /* the others wait for what the probe finds */
}

static void time_out(void)
{
        now += IAMLOGIN_LOOKUP_DEADLINE_MS;
        backoff_note(-ETIMEDOUT, now);
}

static void asks_while_answers_come(void)
{
        static const int results[] = {0, -ENOENT, -EAGAIN, -ECONNREFUSED, -EBADMSG};

        for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
                CHECK(backoff_allows(now));
                backoff_note(results[i], now);
        }
        CHECK(backoff_allows(now));
}

static void pauses_longer_after_each_time_out(void)
{
        time_out();
        expect_pause(BACKOFF_FIRST_MS);
        time_out();
        expect_pause((int64_t) 2 * BACKOFF_FIRST_MS);
        for (int i = 0; i < 5; i++) {
                time_out();
                expect_pause(BACKOFF_MAX_MS);
        }
}

static void asks_again_after_one_answer(void)
{
        backoff_note(-ENOENT, now);
        CHECK(backoff_allows(now) && backoff_allows(now));
        time_out();
        expect_pause(BACKOFF_FIRST_MS);
        backoff_note(0, now);
}

static void counts_calls_that_time_out_together_as_one(void)
{
        time_out();
        for (int i = 0; i < 10; i++)
                backoff_note(-ETIMEDOUT, now + i);
        expect_pause(BACKOFF_FIRST_MS);
        backoff_note(0, now);
}

/* The thread of the probe was cancelled, or it forked meanwhile: no answer is ever noted. */
static void outlives_a_probe_that_never_ends(void)
{
        time_out();
        expect_pause(BACKOFF_FIRST_MS);
        CHECK(!backoff_allows(now + IAMLOGIN_LOOKUP_DEADLINE_MS - 1));
        CHECK(backoff_allows(now + IAMLOGIN_LOOKUP_DEADLINE_MS));
        backoff_note(0, now);
}

int main(void)
{
        asks_while_answers_come();
        pauses_longer_after_each_time_out();
        asks_again_after_one_answer();
        counts_calls_that_time_out_together_as_one();
        outlives_a_probe_that_never_ends();
        return 0;
}
