/* SPDX-License-Identifier: Apache-2.0 */
/* One call before a resolver that answers late, hangs, hangs up and lies: which error comes of it, and when.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "liar.h"
#include "outage.h"
#include "protocol.h"
#include "vector.h"
#include "wire.h"

enum { FRAME = 8, LATE_MS = 2500 };

static struct liar liar;
static int64_t took_ms;

static int call(uint8_t opcode, int timeout_ms)
{
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        int64_t start = clock_ms(CLOCK_MONOTONIC);

        int r = wire_call(opcode, "", 0, timeout_ms, &reply);
        took_ms = clock_ms(CLOCK_MONOTONIC) - start;
        return r;
}

static int call_door(void)
{
        return call(IAMLOGIN_OP_ACCOUNT, IAMLOGIN_DOOR_DEADLINE_MS);
}

static size_t add(uint8_t *bytes, size_t at, uint8_t opcode, uint8_t status)
{
        const uint8_t frame[FRAME] = {4, 0, 0, 0, IAMLOGIN_WIRE_VERSION, opcode, status, 0};

        memcpy(bytes + at, frame, FRAME);
        return at + FRAME;
}

static void say(const uint8_t statuses[], size_t count)
{
        uint8_t bytes[64 * FRAME];
        size_t length = 0;

        for (size_t i = 0; i < count; i++)
                length = add(bytes, length, IAMLOGIN_OP_ACCOUNT, statuses[i]);
        liar_say(&liar, bytes, length);
}

static void waits_while_the_resolver_lives(void)
{
        uint8_t pending[FRAME], statuses[13];

        CHECK(read_vector("response-pending", pending, sizeof(pending)) == FRAME);
        liar_say(&liar, pending, FRAME);
        liar.hold = true;
        CHECK(call_door() == -ETIMEDOUT);
        CHECK(took_ms >= IAMLOGIN_SILENCE_MS && took_ms < LATE_MS);
        liar.hold = false;

        /* A byte each 20 ms: the answer comes after more than a second, a sign of life all the time. */
        memset(statuses, IAMLOGIN_STATUS_PENDING, sizeof(statuses));
        statuses[sizeof(statuses) - 1] = IAMLOGIN_STATUS_SUCCESS;
        say(statuses, sizeof(statuses));
        liar.drip = true;
        CHECK(call_door() == 0 && took_ms > IAMLOGIN_SILENCE_MS);
        /* Signs of life without end are no answer. */
        liar.endless = true;
        say(statuses, 1);
        CHECK(call(IAMLOGIN_OP_ACCOUNT, 300) == -ETIMEDOUT && took_ms < LATE_MS);
        liar.drip = liar.endless = false;
}

static void gives_up_when_the_resolver_hangs(void)
{
        liar.silent = true;
        CHECK(call_door() == -ETIMEDOUT);
        CHECK(took_ms >= IAMLOGIN_SILENCE_MS && took_ms < LATE_MS);
        CHECK(call(IAMLOGIN_OP_SESSION_OPEN, 200) == -ETIMEDOUT && took_ms < IAMLOGIN_SILENCE_MS);
        /* No sign of life is promised to a lookup: it has the whole of its time. */
        CHECK(call(IAMLOGIN_OP_PASSWD_BY_NAME, IAMLOGIN_SILENCE_MS + 200) == -ETIMEDOUT);
        CHECK(took_ms >= IAMLOGIN_SILENCE_MS + 200);
        liar.silent = false;
}

static void tells_what_came(void)
{
        const uint8_t success = IAMLOGIN_STATUS_SUCCESS;
        static const struct {
                uint8_t status;
                int error;
        } statuses[] = {{IAMLOGIN_STATUS_NOTFOUND, -ENOENT},
                        {IAMLOGIN_STATUS_UNAVAIL, -EAGAIN},
                        {IAMLOGIN_STATUS_DENIED, -EACCES},
                        {IAMLOGIN_STATUS_BAD_REQUEST, -EPROTO},
                        {77, -EAGAIN}};
        uint8_t frame[FRAME];

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
                say(&statuses[i].status, 1);
                CHECK(call_door() == statuses[i].error);
        }
        for (size_t cut = 0; cut < FRAME; cut++) {
                (void) add(frame, 0, IAMLOGIN_OP_ACCOUNT, success);
                liar_say(&liar, frame, cut);
                CHECK(call_door() == (cut == 0 ? -ECONNRESET : -EBADMSG));
        }
        frame[4] = IAMLOGIN_WIRE_VERSION + 1;
        liar_say(&liar, frame, FRAME);
        CHECK(call_door() == -EPROTONOSUPPORT);
        (void) add(frame, 0, IAMLOGIN_OP_SESSION_OPEN, success);
        liar_say(&liar, frame, FRAME);
        CHECK(call_door() == -EBADMSG);
        /* A sign of life has no payload. */
        (void) add(frame, 0, IAMLOGIN_OP_ACCOUNT, IAMLOGIN_STATUS_PENDING);
        frame[0] = 6;
        liar_say(&liar, frame, FRAME);
        CHECK(call_door() == -EBADMSG);
        (void) add(frame, 0, IAMLOGIN_OP_PASSWD_BY_NAME, IAMLOGIN_STATUS_PENDING);
        liar_say(&liar, frame, FRAME);
        CHECK(call(IAMLOGIN_OP_PASSWD_BY_NAME, IAMLOGIN_LOOKUP_DEADLINE_MS) == -EAGAIN);
        CHECK(call_door() == -EBADMSG);
}

static void asks_the_next_resolver(void)
{
        const uint8_t success = IAMLOGIN_STATUS_SUCCESS;

        say(&success, 1);
        liar.hang_ups = 1;
        CHECK(call_door() == 0);
        /* Its listening socket may live longer than its connections. */
        liar.hang_ups = 20;
        CHECK(call_door() == 0 && liar.hang_ups == 0);
}

/* A resolver that never answers is not one that is gone: it must not open what directory.db would. */
static void gives_up_on_one_that_hangs_up(void)
{
        liar.hang_ups = INT_MAX;
        CHECK(call_door() == -ECONNRESET);
        CHECK(took_ms >= IAMLOGIN_SILENCE_MS && took_ms < LATE_MS);
        CHECK(call(IAMLOGIN_OP_ACCOUNT, 200) == -ECONNRESET && took_ms < IAMLOGIN_SILENCE_MS);
        /* A lookup has directory.db: it asks once. */
        liar.hang_ups = 1;
        CHECK(call(IAMLOGIN_OP_PASSWD_BY_NAME, IAMLOGIN_LOOKUP_DEADLINE_MS) == -ECONNRESET);
        liar.hang_ups = 0;
}

/* Who runs su may stop it for as long as they like: what was answered meanwhile still counts. */
static void does_not_time_out_while_it_is_stopped(void)
{
        const uint8_t success = IAMLOGIN_STATUS_SUCCESS;
        const struct timespec stopped = {.tv_sec = 1, .tv_nsec = 300000000}, moment = {.tv_nsec = 1000000};
        uint8_t request[64];
        int status;

        say(&success, 1);
        liar.drip = true;
        liar.request_length = 0;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
                _exit(call_door() == 0 ? 0 : 1);
        while (liar_asked(&liar, request, sizeof(request)) == 0)
                nanosleep(&moment, NULL);
        CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child);
        CHECK(WIFSTOPPED(status));
        nanosleep(&stopped, NULL);
        CHECK(kill(child, SIGCONT) == 0 && waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        liar.drip = false;
}

static void takes_nothing_else_for_an_outage(void)
{
        static const int refusals[] = {-ENOENT,     -EACCES, -EPROTONOSUPPORT, -EPROTO,  -EBADMSG,
                                       -ECONNRESET, -EMFILE, -ENFILE,          -ENOMEM,  -EMSGSIZE,
                                       -EPIPE,      -EINTR,  -ENAMETOOLONG,    -ENOBUFS, -EPERM};

        CHECK(is_outage(-ECONNREFUSED) && is_outage(-ETIMEDOUT) && is_outage(-EAGAIN));
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
                CHECK(!is_outage(refusals[i]) && explain_error(refusals[i])[0] != '\0');
}

int main(void)
{
        liar_start(&liar);
        tells_what_came();
        asks_the_next_resolver();
        gives_up_on_one_that_hangs_up();
        waits_while_the_resolver_lives();
        gives_up_when_the_resolver_hangs();
        does_not_time_out_while_it_is_stopped();
        takes_nothing_else_for_an_outage();
        liar_stop(&liar);
        CHECK(call_door() == -ECONNREFUSED && took_ms < IAMLOGIN_SILENCE_MS);
        return 0;
}
