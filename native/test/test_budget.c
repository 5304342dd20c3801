/* SPDX-License-Identifier: Apache-2.0 */
/* What one question may cost in requests and time, however often libc calls for it. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "reply-cache.h"
#include "liar.h"
#include "enumerate.h"
#include "lookup.h"
#include "protocol.h"
#include "record.h"
#include "vector.h"

enum { MEMBERS = 20000, GID = 1900000077 };

static struct liar liar;
static uint8_t frame[1048576];

static size_t put_text(size_t at, const char *text)
{
        size_t length = strlen(text);

        frame[at] = (uint8_t) length;
        frame[at + 1] = 0;
        memcpy(frame + at + 2, text, length);
        return at + 2 + length;
}

static size_t put_number(size_t at, uint32_t value)
{
        for (size_t i = 0; i < 4; i++)
                frame[at + i] = (uint8_t) (value >> 8 * i);
        return at + 4;
}

static void say_large_group(uint8_t opcode, const char *name)
{
        size_t at = 8;

        memcpy(frame + 4, (const uint8_t[]){IAMLOGIN_WIRE_VERSION, opcode, IAMLOGIN_STATUS_SUCCESS, 0}, 4);
        at = put_text(at, name);
        at = put_number(at, GID);
        at = put_number(at, MEMBERS);
        for (int i = 0; i < MEMBERS; i++) {
                char member[16];
                snprintf(member, sizeof(member), "member%05d", i);
                at = put_text(at, member);
        }
        (void) put_number(0, (uint32_t) at - 4);
        liar_say(&liar, frame, at);
}

/* As libc's getgrnam(3) and getgrgid(3) do; gives the number of rounds. */
static int rounds_of(const char *name, uint32_t gid, struct group *ret_group, char **ret_buffer)
{
        char *buffer = NULL;
        size_t size = 1024;

        for (int rounds = 1;; rounds++, size *= 2) {
                buffer = realloc(buffer, size);
                CHECK(buffer != NULL && size < (size_t) 16 * 1024 * 1024);
                int r = name != NULL ? lookup_group_by_name(name, buffer, size, ret_group)
                                     : lookup_group_by_gid(gid, buffer, size, ret_group);
                CHECK(r == 0 || r == -ERANGE);
                *ret_buffer = buffer;
                if (r == 0)
                        return rounds;
        }
}

static void asks_once_for_all_rounds_of_a_large_group(void)
{
        struct group group;
        char *buffer;
        int before = atomic_load(&liar.count);

        say_large_group(IAMLOGIN_OP_GROUP_BY_NAME, "everybody");
        CHECK(rounds_of("everybody", 0, &group, &buffer) >= 9);
        CHECK(group.gr_gid == GID && strcmp(group.gr_mem[MEMBERS - 1], "member19999") == 0);
        free(buffer);
        CHECK(atomic_load(&liar.count) == before + 1);
        say_large_group(IAMLOGIN_OP_GROUP_BY_GID, "everybody");
        CHECK(rounds_of(NULL, GID, &group, &buffer) >= 9);
        free(buffer);
        CHECK(atomic_load(&liar.count) == before + 2);
        /* What was taken is gone: the next question is a new one. */
        CHECK(rounds_of(NULL, GID, &group, &buffer) >= 9);
        free(buffer);
        CHECK(atomic_load(&liar.count) == before + 3);
}

static struct wire_reply a_reply(void)
{
        struct wire_reply reply = WIRE_REPLY_EMPTY;

        reply.frame = calloc(1, 8);
        CHECK(reply.frame != NULL);
        reply.payload = (struct reader){reply.frame + 8, reply.frame + 8};
        return reply;
}

static void keeps_for_the_same_question_and_a_short_time(void)
{
        const struct question group = {IAMLOGIN_OP_GROUP_BY_NAME, "everybody", 0};
        const struct question others[] = {
                {IAMLOGIN_OP_PASSWD_BY_NAME, "everybody", 0},
                {IAMLOGIN_OP_GROUP_BY_NAME, "everybod", 0},
                {IAMLOGIN_OP_GROUP_BY_GID, NULL, 0},
        };
        struct wire_reply reply = a_reply(), back = WIRE_REPLY_EMPTY;

        reply_cache_put(&group, &reply, 5000);
        CHECK(reply.frame == NULL);
        CHECK(reply_cache_take(&group, 5000 + REPLY_CACHE_TTL_MS - 1, &back));
        CHECK(back.payload.at == back.frame && back.payload.end == back.frame + 8);
        CHECK(!reply_cache_take(&group, 5000, &reply));
        reply_cache_put(&group, &back, 5000);
        CHECK(!reply_cache_take(&group, 5000 + REPLY_CACHE_TTL_MS, &back));
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                reply = a_reply();
                reply_cache_put(&group, &reply, 5000);
                CHECK(!reply_cache_take(&others[i], 5000, &back));
        }
        /* LeakSanitizer counts what the caller never came back for. */
        reply = a_reply();
        reply_cache_put(&group, &reply, 5000);
        reply_cache_clear();
}

/* Each page comes in time, and leads on to another one. */
static void ends_an_enumeration_that_is_slow_page_by_page(void)
{
        uint8_t page[256], passwd[256];
        const uint8_t head[] = {0, 0, 0, 0, 1, IAMLOGIN_OP_PASSWD_LIST, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
                                0, 1, 0, 0, 0};
        size_t entry_length = read_vector("response-passwd", passwd, sizeof(passwd)) - 8;
        struct enumeration enumeration = ENUMERATION_EMPTY;
        struct passwd_record user;
        struct reader entry;
        int pages = 0, r;

        memcpy(page, head, sizeof(head));
        memcpy(page + sizeof(head), passwd + 8, entry_length);
        page[0] = (uint8_t) (sizeof(head) - 4 + entry_length);
        liar_say(&liar, page, sizeof(head) + entry_length);
        liar.leads_on = true;
        liar.delay_ms = 700;
        int64_t before = clock_ms(CLOCK_MONOTONIC);
        while ((r = enumeration_peek(&enumeration, IAMLOGIN_OP_PASSWD_LIST, &entry)) == 0) {
                CHECK(decode_passwd(&entry, &user) == 0);
                enumeration_advance(&enumeration, &entry);
                pages++;
        }
        CHECK(r == -ETIMEDOUT && pages >= 2 && pages <= IAMLOGIN_LISTING_BUDGET_MS / 700);
        CHECK(clock_ms(CLOCK_MONOTONIC) - before < IAMLOGIN_LISTING_BUDGET_MS + 1000);
        /* Without endpwent(3) it stays at its end. */
        int asked = atomic_load(&liar.count);
        CHECK(enumeration_peek(&enumeration, IAMLOGIN_OP_PASSWD_LIST, &entry) == -ETIMEDOUT);
        CHECK(atomic_load(&liar.count) == asked);
        enumeration_clear(&enumeration);
        liar.leads_on = false;
        liar.delay_ms = 0;
}

/* An entry that may not be given costs the walk a check: so many, then it ends. */
static void ends_an_enumeration_of_refused_entries(void)
{
        struct enumeration enumeration = ENUMERATION_EMPTY;
        const struct reader entry = {NULL, NULL};

        enumeration.remaining = 2 * LISTING_REFUSED_MAX;
        for (unsigned int i = 0; i < LISTING_REFUSED_MAX; i++)
                CHECK(enumeration_pass(&enumeration, &entry) == -EPERM);
        CHECK(enumeration_pass(&enumeration, &entry) == -EBADMSG);
        enumeration_clear(&enumeration);
}

static void asks_a_resolver_that_hangs_once(void)
{
        static const char *const owners[] = {"ann", "ben", "cid", "dot", "eve", "fay", "gus"};
        struct passwd user;
        struct group group;
        struct gid_list gids = GID_LIST_EMPTY;
        struct enumeration enumeration = ENUMERATION_EMPTY;
        struct reader entry;
        char buffer[512];
        int before = atomic_load(&liar.count);

        liar.silent = true;
        for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
                CHECK(lookup_passwd_by_name(owners[i], buffer, sizeof(buffer), &user) == -ETIMEDOUT);
        for (uint32_t id = 1900000000; id < 1900000007; id++) {
                CHECK(lookup_passwd_by_uid(id, buffer, sizeof(buffer), &user) == -ETIMEDOUT);
                CHECK(lookup_group_by_gid(id, buffer, sizeof(buffer), &group) == -ETIMEDOUT);
        }
        CHECK(lookup_initgroups("ann", &gids) == -ETIMEDOUT);
        CHECK(enumeration_peek(&enumeration, IAMLOGIN_OP_PASSWD_LIST, &entry) == -ETIMEDOUT);
        CHECK(atomic_load(&liar.count) == before + 1);
        liar.silent = false;
}

int main(void)
{
        liar_start(&liar);
        CHECK(setenv("IAMLOGIN_STATE_DIR", liar.folder, 1) == 0); /* no directory.db: every name is unknown */
        keeps_for_the_same_question_and_a_short_time();
        asks_once_for_all_rounds_of_a_large_group();
        ends_an_enumeration_that_is_slow_page_by_page();
        ends_an_enumeration_of_refused_entries();
        asks_a_resolver_that_hangs_once();
        liar_stop(&liar);
        return 0;
}
