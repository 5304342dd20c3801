/* SPDX-License-Identifier: Apache-2.0 */
/* What a process remembers not to be there: exactly what was said, of that directory.db, for a while. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "misses.h"
#include "protocol.h"

static void knows_what_it_was_told_and_nothing_else(void)
{
        const struct miss carol = {IAMLOGIN_OP_PASSWD_BY_NAME, "carol", 0, 7};
        const struct miss others[] = {
                {IAMLOGIN_OP_PASSWD_BY_NAME, "carole", 0, 7}, {IAMLOGIN_OP_PASSWD_BY_NAME, "caro", 0, 7},
                {IAMLOGIN_OP_GROUP_BY_NAME, "carol", 0, 7},   {IAMLOGIN_OP_PASSWD_BY_NAME, "carol", 0, 8},
                {IAMLOGIN_OP_PASSWD_BY_UID, NULL, 0, 7},
        };

        CHECK(!misses_know(&carol));
        misses_note(&carol);
        CHECK(misses_know(&carol));
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                CHECK(!misses_know(&others[i]));

        const struct miss longest = {IAMLOGIN_OP_PASSWD_BY_NAME, "abcdefghijklmnopqrstuvwxyz012345", 0, 7};
        const struct miss id = {IAMLOGIN_OP_PASSWD_BY_UID, NULL, 4000000000u, 7};
        misses_note(&longest);
        misses_note(&id);
        CHECK(misses_know(&longest) && misses_know(&id));
}

static void forgets_in_time(void)
{
        const struct miss dave = {IAMLOGIN_OP_PASSWD_BY_NAME, "dave", 0, 7};
        struct timespec begin, now;

        clock_gettime(CLOCK_MONOTONIC, &begin);
        misses_note(&dave);
        while (misses_know(&dave)) {
                clock_gettime(CLOCK_MONOTONIC, &now);
                CHECK(now.tv_sec - begin.tv_sec <= 10);
        }
}

static atomic_bool stop;

/* Names that share entries: a torn read would know a name that nobody noted. */
static void *note_and_ask(void *argument)
{
        unsigned int seed = *(const unsigned int *) argument;

        for (unsigned int turn = 0; !atomic_load(&stop); turn++) {
                const uint32_t noted = (seed + turn) % 500 * 2;
                const struct miss note = {IAMLOGIN_OP_PASSWD_BY_UID, NULL, noted, noted};
                const struct miss never = {IAMLOGIN_OP_PASSWD_BY_UID, NULL, noted, noted + 2};
                misses_note(&note);
                CHECK(!misses_know(&never));
        }
        return NULL;
}

static void is_shared_by_threads(void)
{
        pthread_t threads[4];
        unsigned int seeds[4] = {1, 2, 3, 4};

        for (size_t i = 0; i < 4; i++)
                CHECK(pthread_create(&threads[i], NULL, note_and_ask, &seeds[i]) == 0);
        const struct miss mine = {IAMLOGIN_OP_GROUP_BY_GID, NULL, 1, 1};
        for (int i = 0; i < 300000; i++)
                CHECK(!misses_know(&mine));
        atomic_store(&stop, true);
        for (size_t i = 0; i < 4; i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
}

int main(void)
{
        knows_what_it_was_told_and_nothing_else();
        forgets_in_time();
        is_shared_by_threads();
        return 0;
}
