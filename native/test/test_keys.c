/* SPDX-License-Identifier: Apache-2.0 */
/* The key command as sshd runs it, before a resolver that lies. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"
#include "clock.h"
#include "host.h"
#include "keys-file.h"
#include "liar.h"
#include "moment.h"
#include "protocol.h"
#include "sum.h"
#include "vector.h"

static struct liar liar;

static int run(const char *arguments, char *output, size_t max)
{
        char command[512];

        snprintf(command, sizeof(command), "%s %s 2>/dev/null", PROGRAM, arguments);
        FILE *pipe = popen(command, "r");
        CHECK(pipe != NULL);
        size_t length = fread(output, 1, max - 1, pipe);
        output[length] = '\0';
        int status = pclose(pipe);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* A SUCCESS frame with one line. */
static size_t answer_line(uint8_t *frame, const char *line, size_t length)
{
        size_t body = 4 + 4 + 2 + length;
        const uint8_t head[] = {(uint8_t) body,
                                (uint8_t) (body >> 8),
                                0,
                                0,
                                1,
                                IAMLOGIN_OP_AUTHORIZED_KEYS,
                                0,
                                0,
                                1,
                                0,
                                0,
                                0,
                                (uint8_t) length,
                                (uint8_t) (length >> 8)};

        memcpy(frame, head, sizeof(head));
        memcpy(frame + sizeof(head), line, length);
        liar_say(&liar, frame, sizeof(head) + length);
        return sizeof(head) + length;
}

static const char key[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzx alice";
static char output[4096];

static void says_what_the_resolver_says(void)
{
        static const char *const lies[] = {
                "command=\"id\" ssh-ed25519 AAAA",
                "ssh-ed25519 AAAA\nssh-rsa BBBB",
                "hello",
                "",
                "ssh-ed25519 AA\rAA",
        };
        uint8_t frame[1024];

        answer_line(frame, key, strlen(key));
        CHECK(run("alice 2026798591", output, sizeof(output)) == 0);
        CHECK(strncmp(output, key, strlen(key)) == 0 && output[strlen(key)] == '\n');
        CHECK(run("alice 2026798591 ssh-ed25519 AAAA", output, sizeof(output)) == 0 && output[0] == 's');

        /* whatever the resolver says, nothing for root */
        CHECK(run("root 0", output, sizeof(output)) == 0 && output[0] == '\0');
        CHECK(run("root 2026798591", output, sizeof(output)) == 0 && output[0] == '\0');
        CHECK(run("toor 0", output, sizeof(output)) == 0 && output[0] == '\0');

        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                answer_line(frame, lies[i], strlen(lies[i]));
                CHECK(run("alice 2026798591", output, sizeof(output)) == 1 && output[0] == '\0');
        }
        size_t length = answer_line(frame, key, strlen(key));
        for (size_t cut = 0; cut < length; cut++) {
                liar_say(&liar, frame, cut);
                CHECK(run("alice 2026798591", output, sizeof(output)) == 1 && output[0] == '\0');
        }
        /* a reader that leaves early is no failure */
        answer_line(frame, key, strlen(key));
        CHECK(run("alice 2026798591 | true", output, sizeof(output)) == 0);
}

static void opens_no_local_account_that_root_did_not_list(void)
{
        uint8_t frame[1024];

        answer_line(frame, key, strlen(key));
        CHECK(run("admin 1000", output, sizeof(output)) == 0 && output[0] == '\0');
        host_write_text("root.d/shared-accounts", "# admin\nadm\nadmins\n");
        CHECK(run("admin 1000", output, sizeof(output)) == 0 && output[0] == '\0');
        host_write_text("root.d/shared-accounts", "ec2-user\nadmin\n");
        CHECK(run("admin 1000", output, sizeof(output)) == 0 && output[0] == 's');
        host_write_text("root.d/shared-accounts", "root\n");
        CHECK(run("root 0", output, sizeof(output)) == 0 && output[0] == '\0');
}

static void judges_its_arguments(void)
{
        CHECK(run("alice", output, sizeof(output)) == 2);
        CHECK(run("alice nobody", output, sizeof(output)) == 2);
        CHECK(run("'a b' 2026798591", output, sizeof(output)) == 0 && output[0] == '\0');
        CHECK(run("--help", output, sizeof(output)) == 0 && strstr(output, "AuthorizedKeysCommand") != NULL);
}

/* As in test/keys/published.test.ts. */
#define FIRST "AAAAC3NzaC1lZDI1NTE5AAAAIJzxaWLU4GYbOrnSWbvWRyhPKBjaY6nGWO4wsbr89PQZ"
#define SECOND "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define STRANGE "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void write_keys(const char *vector)
{
        uint8_t bytes[8192];

        host_write("keys.db", bytes, read_vector(vector, bytes, sizeof(bytes)));
}

static void tells(const char *action, const char *rest)
{
        const char *entry = host_journalled();
        char line[128];

        snprintf(line, sizeof(line), "IAMLOGIN_ACTION=%s\n", action);
        CHECK(strstr(entry, line) != NULL && strstr(entry, rest) != NULL);
        CHECK(strstr(entry, "IAMLOGIN_UNREPORTED=1\n") != NULL);
        CHECK(host_journalled()[0] == '\0');
}

static void knows_who_came_before_while_nobody_answers(void)
{
        /* nothing to go by */
        CHECK(run("alice 2026798591", output, sizeof(output)) == 1 && output[0] == '\0');
        host_publish("directory-db-lasting");
        CHECK(run("alice 2026798591", output, sizeof(output)) == 1 && output[0] == '\0');
        CHECK(run("alice 2026798591 ssh-ed25519 " FIRST, output, sizeof(output)) == 1);
        tells("key-refused", "IAMLOGIN_USER_ID=AIDAalice\n");

        write_keys("keys-db-lasting");
        CHECK(run("alice 2026798591", output, sizeof(output)) == 0);
        CHECK(strstr(output, FIRST) != NULL && strstr(output, SECOND) != NULL);
        CHECK(host_journalled()[0] == '\0');
        CHECK(run("alice 2026798591 ssh-ed25519 " SECOND, output, sizeof(output)) == 0);
        CHECK(strstr(output, FIRST) == NULL && strstr(output, SECOND) != NULL);
        tells("key-offered", "IAMLOGIN_KEY_ID=tag:iamlogin:ssh-key\nIAMLOGIN_IAM_USER=alice\n"
                             "IAMLOGIN_USER_ID=AIDAalice\n"
                             "IAMLOGIN_ARN=arn:aws:iam::123456789012:user/alice\n");
        CHECK(run("alice 2026798591 ssh-ed25519 " STRANGE, output, sizeof(output)) == 0 && output[0] == '\0');
        tells("key-refused", "IAMLOGIN_USER_ID=AIDAalice\n");
        /* half of a key is no key */
        CHECK(run("alice 2026798591 ssh-ed25519 AAAAC3Nz", output, sizeof(output)) == 0 && output[0] == '\0');
        tells("key-refused", "AIDAalice");

        /* another uid, another person, nobody */
        CHECK(run("alice 2026798592 ssh-ed25519 " FIRST, output, sizeof(output)) == 1 && output[0] == '\0');
        CHECK(run("stranger 2026798591 ssh-ed25519 " FIRST, output, sizeof(output)) == 1 &&
              output[0] == '\0');
        CHECK(host_journalled()[0] == '\0');
}

/* While a resolver is there, what it says decides: keys.db is for an outage alone. */
static void goes_by_no_file_beside_a_resolver(void)
{
        static const char question[] = "alice 2026798591 ssh-ed25519 " FIRST;
        static const uint8_t refusals[] = {IAMLOGIN_STATUS_BAD_REQUEST, IAMLOGIN_STATUS_DENIED};
        uint8_t frame[8] = {4, 0, 0, 0, IAMLOGIN_WIRE_VERSION, IAMLOGIN_OP_AUTHORIZED_KEYS, 0, 0};

        liar_start(&liar);
        for (size_t i = 0; i < sizeof(refusals); i++) {
                frame[6] = refusals[i];
                liar_say(&liar, frame, sizeof(frame));
                CHECK(run(question, output, sizeof(output)) == 1 && output[0] == '\0');
                tells("key-refused", "no answer of the resolver's that counts");
        }
        for (size_t cut = 0; cut < sizeof(frame); cut++) {
                liar_say(&liar, frame, cut);
                CHECK(run(question, output, sizeof(output)) == 1 && output[0] == '\0');
                tells("key-refused", "IAMLOGIN_USER_ID=AIDAalice\n");
        }
        frame[4]++;
        liar_say(&liar, frame, sizeof(frame));
        CHECK(run(question, output, sizeof(output)) == 1 && output[0] == '\0');
        tells("key-refused", "systemctl restart iamlogind");
        frame[4]--;

        frame[6] = IAMLOGIN_STATUS_UNAVAIL;
        liar_say(&liar, frame, sizeof(frame));
        CHECK(run(question, output, sizeof(output)) == 0 && strstr(output, FIRST) != NULL);
        tells("key-offered", "cannot say");
        liar.silent = true;
        CHECK(run(question, output, sizeof(output)) == 0 && strstr(output, FIRST) != NULL);
        tells("key-offered", "does not answer in time");
        liar_stop(&liar);
}

static void lets_nothing_serve_for_ever(void)
{
        write_keys("keys-db-expired");
        CHECK(run("alice 2026798591", output, sizeof(output)) == 1 && output[0] == '\0');
        CHECK(run("alice 2026798591 ssh-ed25519 " FIRST, output, sizeof(output)) == 1 && output[0] == '\0');
        tells("key-refused", "older than source.offline");
        write_keys("keys-db-lasting");
        host_publish("directory-db-expired");
        CHECK(run("alice 2026798591 ssh-ed25519 " FIRST, output, sizeof(output)) == 1 && output[0] == '\0');
        tells("key-refused", "older than source.offline");
        host_publish("directory-db-lasting");
}

/* A keys.db of these keys that was written at that moment. */
static void write_keys_of(const char *vector, const struct moment *written_at)
{
        uint8_t bytes[8192];
        struct writer moment = {bytes + 32, bytes + KEYS_FILE_HEADER}, sum = {bytes + 8, bytes + 12};

        size_t length = read_vector(vector, bytes, sizeof(bytes));
        CHECK(write_u64(&moment, (uint64_t) written_at->wall_ms) == 0 &&
              write_u64(&moment, (uint64_t) written_at->boottime_ms) == 0 &&
              write_u64(&moment, written_at->boot) == 0);
        CHECK(write_u32(&sum, sum_of(bytes + 12, KEYS_FILE_HEADER - 12)) == 0);
        host_write("keys.db", bytes, length);
}

/* The keys of the vector keys-db-expired serve until its `now`, in test/keys/published.test.ts. */
static void counts_the_age_of_keys_by_no_clock_that_is_set(void)
{
        static const char question[] = "alice 2026798591 ssh-ed25519 " FIRST;
        static const int64_t until_ms = 1700000000000, minute = 60000, day = 86400000;
        const int64_t boottime_ms = clock_ms(CLOCK_BOOTTIME);
        struct moment written_at = {until_ms - minute, boottime_ms, HOST_BOOT};

        write_keys_of("keys-db-expired", &written_at);
        CHECK(run(question, output, sizeof(output)) == 0 && strstr(output, FIRST) != NULL);
        tells("key-offered", "AIDAalice");
        written_at.boottime_ms = boottime_ms - minute - 1;
        write_keys_of("keys-db-expired", &written_at);
        CHECK(run(question, output, sizeof(output)) == 1 && output[0] == '\0');
        tells("key-refused", "older than source.offline");

        /* The wall clock was set back by a day since: within the boot that changes nothing. */
        written_at = (struct moment){clock_ms(CLOCK_REALTIME) + day, boottime_ms, HOST_BOOT};
        write_keys_of("keys-db-lasting", &written_at);
        CHECK(run(question, output, sizeof(output)) == 0 && strstr(output, FIRST) != NULL);
        tells("key-offered", "AIDAalice");
        written_at.boot++;
        write_keys_of("keys-db-lasting", &written_at);
        CHECK(run(question, output, sizeof(output)) == 1 && output[0] == '\0');
        tells("key-refused", "dated in the future");
        CHECK(run("alice 2026798591", output, sizeof(output)) == 1 && output[0] == '\0');
        write_keys("keys-db-lasting");
}

static void opens_shared_accounts_that_root_listed(void)
{
        static const char shared[] =
                "root:x:0:0::/root:/bin/sh\nec2-user:x:1000:1000::/home/ec2-user:/bin/sh\n";

        CHECK(run("ec2-user 1000 ssh-ed25519 " SECOND, output, sizeof(output)) == 1 && output[0] == '\0');
        host_write_text("passwd", shared);
        CHECK(run("ec2-user 1000 ssh-ed25519 " SECOND, output, sizeof(output)) == 0 && output[0] == '\0');
        CHECK(host_journalled()[0] == '\0');
        host_write_text("root.d/shared-accounts", "ec2-user\n");
        CHECK(run("ec2-user 1000 ssh-ed25519 " SECOND, output, sizeof(output)) == 0 && output[0] == 's');
        tells("key-offered", "IAMLOGIN_IAM_USER=bob\n");
        CHECK(run("ec2-user 1000 ssh-ed25519 " STRANGE, output, sizeof(output)) == 0 && output[0] == '\0');
        tells("key-refused", "IAMLOGIN_USER=ec2-user\n");
        CHECK(run("ec2-user 1001 ssh-ed25519 " SECOND, output, sizeof(output)) == 1 && output[0] == '\0');
        tells("key-refused", "IAMLOGIN_USER=ec2-user\n");
        /* who became local meanwhile is no user of ours any more, listed or not */
        host_write_text("passwd", "alice:x:2026798591:100::/home/alice:/bin/sh\n");
        CHECK(run("alice 2026798591 ssh-ed25519 " FIRST, output, sizeof(output)) == 0 && output[0] == '\0');
        host_write_text("root.d/shared-accounts", "alice\n");
        CHECK(run("alice 2026798591 ssh-ed25519 " FIRST, output, sizeof(output)) == 1 && output[0] == '\0');
}

int main(void)
{
        host_start();
        liar_start(&liar);
        says_what_the_resolver_says();
        opens_no_local_account_that_root_did_not_list();
        judges_its_arguments();
        liar_stop(&liar);
        knows_who_came_before_while_nobody_answers();
        goes_by_no_file_beside_a_resolver();
        lets_nothing_serve_for_ever();
        counts_the_age_of_keys_by_no_clock_that_is_set();
        opens_shared_accounts_that_root_listed();
        host_stop();
        return 0;
}
