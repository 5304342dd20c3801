/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The module as PAM loads it, through a service file of its own: before a resolver that allows,
 * refuses, lies and is not there; with a directory.db that still serves, and one that does not.
 */
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"
#include "clock.h"
#include "host.h"
#include "keys-file.h"
#include "liar.h"
#include "protocol.h"
#include "sum.h"
#include "vector.h"

static struct liar liar;
static char said[512]; /* what the module told the person */

static int converse(int count, const struct pam_message **messages, struct pam_response **ret_responses,
                    void *data)
{
        (void) data;
        for (int i = 0; i < count; i++) {
                CHECK(messages[i]->msg_style == PAM_ERROR_MSG);
                snprintf(said, sizeof(said), "%s", messages[i]->msg);
        }
        *ret_responses = calloc((size_t) count, sizeof(**ret_responses));
        return *ret_responses == NULL ? PAM_CONV_ERR : PAM_SUCCESS;
}

static void write_service(const char *options)
{
        char text[1024];

        snprintf(text, sizeof(text), "account required %s %s\nsession required %s\n", MODULE, options,
                 MODULE);
        host_write_text("sshd", text);
}

static pam_handle_t *start(const char *user)
{
        const struct pam_conv conversation = {converse, NULL};
        pam_handle_t *pam = NULL;

        said[0] = '\0';
        CHECK(pam_start_confdir("sshd", user, &conversation, host_folder(), &pam) == PAM_SUCCESS);
        CHECK(pam_set_item(pam, PAM_TTY, "ssh") == PAM_SUCCESS);
        CHECK(pam_set_item(pam, PAM_RHOST, "192.0.2.1") == PAM_SUCCESS);
        return pam;
}

static int account(const char *user)
{
        pam_handle_t *pam = start(user);

        int r = pam_acct_mgmt(pam, 0);
        CHECK(pam_end(pam, r) == PAM_SUCCESS);
        return r;
}

enum { ALICE = 2026798591, LEAVER = 2026798592 };

/* A keys.db with these flags and, unless `name` is NULL, one record of that account without keys. */
static void publish_record(uint64_t flags, const char *name, uint32_t kind, uint32_t damage)
{
        uint8_t file[KEYS_FILE_HEADER + 64] = "IAMLKEY2", payload[56], *start = file + KEYS_FILE_HEADER;
        struct writer header = {file + 12, start}, body = {payload, payload + sizeof(payload)};
        size_t length = 0, size = KEYS_FILE_HEADER;

        if (name != NULL) {
                CHECK(write_str(&body, name) == 0 && write_u32(&body, ALICE) == 0 &&
                      write_u32(&body, kind) == 0 && write_u32(&body, 0) == 0);
                length = (size_t) (body.at - payload);
                struct writer record = {start + 4, start + 8};
                CHECK(write_u32(&record, (uint32_t) length) == 0);
                memcpy(start + 8, payload, length);
                record = (struct writer){start, start + 4};
                CHECK(write_u32(&record, sum_of(start + 4, length + 4) + damage) == 0);
                size += 8 + ((length + 3) & ~(size_t) 3);
        }
        CHECK(write_u32(&header, name != NULL) == 0 && write_u64(&header, size) == 0 &&
              write_u64(&header, flags) == 0);
        header = (struct writer){file + 8, file + 12};
        CHECK(write_u32(&header, sum_of(file + 12, KEYS_FILE_HEADER - 12)) == 0);
        host_write("keys.db", file, size);
}

/* One without a record, or with one of a person who may not enter. */
static void publish_keys(uint64_t flags, const char *name)
{
        publish_record(flags, name, KEYS_OF_PERSON, 0);
}

/* A directory.db that was read at that moment, with a source.offline of seven days. */
static void publish_directory(const struct moment *read_at)
{
        uint8_t bytes[8192];
        struct writer wall = {bytes + 32, bytes + 40}, boot = {bytes + 112, bytes + 128},
                      sum = {bytes + 12, bytes + 16};

        host_publish("directory-db"); /* what is mapped now is superseded */
        size_t length = read_vector("directory-db", bytes, sizeof(bytes));
        CHECK(write_u64(&wall, (uint64_t) read_at->wall_ms) == 0 &&
              write_u64(&boot, (uint64_t) read_at->boottime_ms) == 0 && write_u64(&boot, read_at->boot) == 0);
        CHECK(write_u32(&sum, sum_of(bytes + 16, 112)) == 0);
        host_write("directory.db", bytes, length);
        host_pass_time(1000); /* until the module looks at the path again */
}

static void answer(uint8_t opcode, uint8_t status, const uint8_t *payload, size_t length)
{
        uint8_t frame[512] = {(uint8_t) (length + 4), 0, 0, 0, 1, opcode, status, 0};

        memcpy(frame + 8, payload, length);
        liar_say(&liar, frame, length + 8);
}

static size_t answer_verdict(uint8_t verdict, const char *message)
{
        uint8_t payload[256] = {verdict, 4, 0, 'r', 'u', 'l', 'e', (uint8_t) strlen(message)};

        memcpy(payload + 9, message, strlen(message));
        answer(IAMLOGIN_OP_ACCOUNT, IAMLOGIN_STATUS_SUCCESS, payload, 9 + strlen(message));
        return 8 + 9 + strlen(message);
}

static void does_as_the_resolver_says(void)
{
        uint8_t expected[256], asked[256];

        /* Without directory.db the passwd entry, for its home, is asked for once she may enter. */
        answer_verdict(IAMLOGIN_VERDICT_ALLOW, "");
        CHECK(account("alice") == PAM_SUCCESS && said[0] == '\0');
        CHECK(liar_asked(&liar, asked, sizeof(asked)) == 8 + 2 + 5);
        CHECK(asked[5] == IAMLOGIN_OP_PASSWD_BY_NAME && memcmp(asked + 10, "alice", 5) == 0);

        host_publish("directory-db-lasting");
        CHECK(account("alice") == PAM_SUCCESS && said[0] == '\0');
        size_t length = read_vector("request-account", expected, sizeof(expected));
        CHECK(liar_asked(&liar, asked, sizeof(asked)) == length && memcmp(asked, expected, length) == 0);

        answer_verdict(IAMLOGIN_VERDICT_DENY, "not now\033[2J");
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strcmp(said, "iamlogin: not now?[2J") == 0); /* no escape reaches the terminal */

        answer_verdict(IAMLOGIN_VERDICT_IGNORE, "");
        CHECK(account("alice") == PAM_PERM_DENIED); /* nobody else answers in this stack: PAM refuses */
        CHECK(said[0] == '\0');
        CHECK(host_journalled()[0] == '\0'); /* the resolver tells what it was asked */
}

/* The other side chooses PAM_RHOST and PAM_RUSER: a request must not be malformed by them. */
static void cleans_what_others_choose(void)
{
        static const uint8_t expected[] = "\x05\0alice\x04\0sshd\x04\0?[2J\x01\0?\xff\0";
        uint8_t asked[1024];
        char long_name[5000];

        memset(long_name, 'x', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        answer_verdict(IAMLOGIN_VERDICT_DENY, "");
        pam_handle_t *pam = start("alice");
        CHECK(pam_set_item(pam, PAM_TTY, "\033[2J") == PAM_SUCCESS);
        CHECK(pam_set_item(pam, PAM_RHOST, "\xff") == PAM_SUCCESS);
        CHECK(pam_set_item(pam, PAM_RUSER, long_name) == PAM_SUCCESS);
        CHECK(pam_acct_mgmt(pam, 0) == PAM_PERM_DENIED);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        size_t length = liar_asked(&liar, asked, sizeof(asked));
        CHECK(length == 8 + sizeof(expected) - 1 + 255);
        CHECK(memcmp(asked + 8, expected, sizeof(expected) - 1) == 0);
        CHECK(strspn((char *) asked + 8 + sizeof(expected) - 1, "x") >= 255);
}

static void asks_nobody_about_local_users(void)
{
        liar.silent = true;
        alarm(5); /* whoever asks would wait, and more often than this */
        for (int i = 0; i < 10; i++)
                CHECK(account("root") == PAM_PERM_DENIED && account("admin") == PAM_PERM_DENIED);
        alarm(0);
        liar.silent = false;
        CHECK(said[0] == '\0' && host_journalled()[0] == '\0');
}

static void is_refused(const char *why)
{
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strstr(said, "can't be confirmed") != NULL);
        const char *entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_ACTION=login-refused\n") != NULL && strstr(entry, why) != NULL);
        CHECK(strstr(entry, "IAMLOGIN_USER_ID=AIDAalice\n") != NULL);
}

/* With a directory.db that would let her in: what is no outage must not lead there. */
static void lets_nobody_in_by_a_broken_answer(void)
{
        static const struct {
                uint8_t status;
                const char *why;
        } refusals[] = {{IAMLOGIN_STATUS_BAD_REQUEST, "malformed"},
                        {IAMLOGIN_STATUS_DENIED, "must run as root"},
                        {IAMLOGIN_STATUS_NOTFOUND, "No such file"}};
        const uint8_t unknown[] = {7, 0, 0, 0, 0};
        uint8_t frame[256];
        size_t length = answer_verdict(IAMLOGIN_VERDICT_ALLOW, "yes");

        host_publish("directory-db-lasting");
        memcpy(frame, liar.answer, length);
        for (size_t cut = 0; cut < length; cut++) {
                liar_say(&liar, frame, cut);
                is_refused(cut == 0 ? "without an answer" : "cut off");
        }
        frame[4]++;
        liar_say(&liar, frame, length);
        is_refused("systemctl restart iamlogind");
        answer(IAMLOGIN_OP_ACCOUNT, IAMLOGIN_STATUS_SUCCESS, unknown, sizeof(unknown));
        is_refused("malformed");
        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
                answer(IAMLOGIN_OP_ACCOUNT, refusals[i].status, unknown, 0);
                is_refused(refusals[i].why);
        }
        /* Somebody of another name service must not be locked out by us. */
        CHECK(account("stranger") == PAM_PERM_DENIED && said[0] == '\0');
        CHECK(host_journalled()[0] == '\0');
        /* Where no file says who is ours, anybody may be. */
        host_remove("directory.db");
        CHECK(account("stranger") == PAM_PERM_DENIED && said[0] != '\0');
        while (host_journalled()[0] != '\0')
                ;
}

static void goes_by_the_file_in_an_outage(void)
{
        const uint8_t nothing[] = {0, 0};

        host_publish("directory-db-lasting");
        answer(IAMLOGIN_OP_ACCOUNT, IAMLOGIN_STATUS_UNAVAIL, nothing, sizeof(nothing));
        CHECK(account("alice") == PAM_SUCCESS);
        CHECK(strstr(host_journalled(), "IAMLOGIN_ACTION=login-allowed\n") != NULL);
        liar.silent = true;
        CHECK(account("alice") == PAM_SUCCESS);
        liar.silent = false;
        CHECK(strstr(host_journalled(), "does not answer in time") != NULL);

        host_publish("directory-db-expired");
        answer(IAMLOGIN_OP_ACCOUNT, IAMLOGIN_STATUS_UNAVAIL, nothing, sizeof(nothing));
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strstr(host_journalled(), "older than source.offline") != NULL);
}

static void decides_alone_when_nobody_answers(void)
{
        host_publish("directory-db-lasting");
        CHECK(account("alice") == PAM_SUCCESS);
        const char *entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_ACTION=login-allowed\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_UNREPORTED=1\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_ARN=arn:aws:iam::123456789012:user/alice\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_USER_ID=AIDAalice\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_RHOST=192.0.2.1\n") != NULL);

        CHECK(account("stranger") == PAM_PERM_DENIED); /* ignored, and nobody else answers */
        CHECK(host_journalled()[0] == '\0');

        host_publish("directory-db-expired");
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strstr(said, "can't be confirmed") != NULL && strchr(said, '\n') == NULL);
        CHECK(strstr(host_journalled(), "older than source.offline") != NULL);

        host_publish("directory-db-lasting");
        write_service("offline=deny nonsense");
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strstr(host_journalled(), "IAMLOGIN_RULE=offline=deny\n") != NULL);
        write_service("");
}

static void is_home_refused(void)
{
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strstr(said, "your home /home/alice belongs to another user") != NULL);
        const char *entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_ACTION=login-refused\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_RULE=the home belongs to another uid\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_USER_ID=AIDAalice\n") != NULL);
}

static void is_home_fine(void)
{
        CHECK(account("alice") == PAM_SUCCESS);
        CHECK(strstr(host_journalled(), "IAMLOGIN_ACTION=login-allowed\n") != NULL);
}

/* A user of the same name, deleted and created anew, must not run what the one before left in the home. */
static void opens_no_home_of_another_uid(bool is_resolver_there)
{
        char home[160], link[160];

        snprintf(home, sizeof(home), "%s/home", host_folder());
        snprintf(link, sizeof(link), "%s/link", host_folder());
        CHECK(setenv("IAMLOGIN_TEST_HOME", home, 1) == 0);
        host_publish("directory-db-lasting");
        if (!is_resolver_there)
                is_home_fine(); /* there is none yet */
        CHECK(mkdir(home, 0755) == 0 && symlink("home", link) == 0);
        if (geteuid() == 0) {
                if (!is_resolver_there)
                        is_home_fine(); /* root's */
                CHECK(chown(home, LEAVER, LEAVER) == 0);
        }
        if (is_resolver_there)
                answer_verdict(IAMLOGIN_VERDICT_ALLOW, "");
        is_home_refused();
        CHECK(setenv("IAMLOGIN_TEST_HOME", link, 1) == 0);
        is_home_refused();
        if (geteuid() == 0 && !is_resolver_there) {
                CHECK(chown(home, ALICE, ALICE) == 0);
                is_home_fine();
                CHECK(lchown(link, LEAVER, LEAVER) == 0);
                is_home_refused();
                CHECK(lchown(link, ALICE, ALICE) == 0);
                is_home_fine();
                CHECK(rmdir(home) == 0 && mkdir(home, 0755) == 0 && chown(home, LEAVER, LEAVER) == 0);
                is_home_refused();
        }
        CHECK(rmdir(home) == 0 && unlink(link) == 0 && unsetenv("IAMLOGIN_TEST_HOME") == 0);
}

static void is_shut(const char *rule)
{
        CHECK(account("alice") == PAM_PERM_DENIED && strstr(said, "can't be confirmed") != NULL);
        CHECK(strstr(host_journalled(), rule) != NULL);
}

/* An outage, which load can make, must not let in people whom the resolver refuses. */
static void lets_nobody_in_whose_keys_were_gone(void)
{
        host_publish("directory-db-lasting");
        publish_keys(0, NULL); /* her keys were never read */
        is_home_fine();
        publish_keys(0, "alice");
        is_shut("IAMLOGIN_RULE=no valid key, as read last\n");
        publish_keys(0, "alicf");
        is_home_fine();
        publish_keys(KEYS_FILE_REQUIRES_MFA, "alice");
        is_shut("IAMLOGIN_RULE=access.require_mfa, or no valid key, as read last\n");
        publish_keys(KEYS_FILE_REQUIRES_MFA, NULL);
        is_shut("IAMLOGIN_RULE=no key and no MFA device was read of this person\n");
}

/* As on a full disk, where a file that granted more than is true was taken away. */
static void lets_nobody_in_without_keys_db(void)
{
        static const char unknown[] = "IAMLOGIN_RULE=no keys.db that can be read\n";
        uint8_t cut[40] = "IAMLKEY1";

        host_publish("directory-db-lasting");
        host_remove("keys.db");
        is_shut(unknown);
        CHECK(account("stranger") == PAM_PERM_DENIED && said[0] == '\0'); /* ignored: not of directory.db */
        host_write("keys.db", cut, sizeof(cut));
        is_shut(unknown);
        publish_record(0, "alice", KEYS_OF_PERSON, 1); /* its sum is wrong */
        is_shut(unknown);
        publish_record(0, "alice", KEYS_OF_SHARED, 0);
        is_home_fine();
        publish_record(KEYS_FILE_REQUIRES_MFA, "alice", KEYS_OF_SHARED, 0);
        is_shut("IAMLOGIN_RULE=no key and no MFA device was read of this person\n");
        publish_keys(0, NULL);
        is_home_fine();
}

/* Seven days are seven days, whatever the wall clock says meanwhile. */
static void counts_the_age_of_the_directory_by_no_clock_that_is_set(void)
{
        static const int64_t day = 86400000;
        const struct moment now = {.wall_ms = clock_ms(CLOCK_REALTIME),
                                   .boottime_ms = clock_ms(CLOCK_BOOTTIME),
                                   .boot = HOST_BOOT};
        struct moment before = now;

        publish_keys(0, NULL);
        publish_directory(&now);
        host_step_wall_clock(-day);
        host_pass_time(7 * day - 60000);
        is_home_fine();
        host_pass_time(61000); /* by the wall clock one day is left */
        is_shut("IAMLOGIN_RULE=directory.db older than source.offline, or dated in the future\n");

        /* Read in another boot the wall clock alone tells, and a time in the future tells nothing. */
        before.boot++;
        before.wall_ms = clock_ms(CLOCK_REALTIME) - day;
        publish_directory(&before);
        is_home_fine();
        host_step_wall_clock(-2 * day);
        is_shut("IAMLOGIN_RULE=directory.db older than source.offline, or dated in the future\n");
        host_step_wall_clock(3 * day);
        host_publish("directory-db-lasting");
}

#define FINGERPRINT "SHA256:Jt3fjUvg4TdFlBc5JozXlC4f9KTUp1q3Nd6FD2TwYbw"

static const char auth_info[] =
        "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzxaWLU4GYbOrnSWbvWRyhPKBjaY6nGWO4wsbr89PQZ\n";

/* Opens and closes; gives the session's name, which is the same in both. */
static void runs_a_session(const char *user)
{
        pam_handle_t *pam = start(user);
        char variable[512];

        snprintf(variable, sizeof(variable), "SSH_AUTH_INFO_0=%s", auth_info);
        CHECK(pam_putenv(pam, variable) == PAM_SUCCESS);
        CHECK(pam_open_session(pam, 0) == PAM_SUCCESS);
        /* From here on the environment is the user's. */
        CHECK(pam_putenv(pam, "SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAAforged") == PAM_SUCCESS);
        CHECK(pam_close_session(pam, 0) == PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
}

/* Of a person whom directory.db lacks the home is known only once the resolver lets them in. */
static void asks_for_the_home_after_a_yes(void)
{
        enum { UID = 1950171475 }; /* of the vector */
        uint8_t passwd[256];
        size_t length = read_vector("response-passwd", passwd, sizeof(passwd));
        char home[160];

        snprintf(home, sizeof(home), "%s/home", host_folder());
        CHECK(setenv("IAMLOGIN_TEST_HOME", home, 1) == 0 && mkdir(home, 0755) == 0);
        host_remove("directory.db");
        if (geteuid() == 0)
                CHECK(chown(home, LEAVER, LEAVER) == 0);
        answer_verdict(IAMLOGIN_VERDICT_ALLOW, "");
        liar_then(&liar, passwd, length);
        CHECK(account("alice") == PAM_PERM_DENIED);
        CHECK(strstr(said, "your home /home/alice belongs to another user") != NULL);
        CHECK(strstr(host_journalled(), "IAMLOGIN_RULE=the home belongs to another uid\n") != NULL);
        if (geteuid() == 0) {
                CHECK(chown(home, UID, UID) == 0);
                answer_verdict(IAMLOGIN_VERDICT_ALLOW, "");
                liar_then(&liar, passwd, length);
                CHECK(account("alice") == PAM_SUCCESS && said[0] == '\0');
        }
        /* A refusal is a refusal, whatever the home. */
        answer_verdict(IAMLOGIN_VERDICT_DENY, "no");
        CHECK(account("alice") == PAM_PERM_DENIED && strcmp(said, "iamlogin: no") == 0);
        CHECK(rmdir(home) == 0 && unsetenv("IAMLOGIN_TEST_HOME") == 0 && host_journalled()[0] == '\0');
        host_publish("directory-db-lasting");
}

static void reports_sessions(void)
{
        uint8_t expected[256], asked[1024];

        answer(IAMLOGIN_OP_SESSION_CLOSE, IAMLOGIN_STATUS_SUCCESS, (const uint8_t *) "", 0);
        runs_a_session("alice");
        size_t length = liar_asked(&liar, asked, sizeof(asked));
        read_vector("request-session-open", expected, sizeof(expected));
        CHECK(asked[5] == IAMLOGIN_OP_SESSION_CLOSE);
        /* From the payload to the end of ruser the bytes are the vector's. */
        CHECK(memcmp(asked + 8, expected + 8, 5 + 2 + 4 + 2 + 3 + 2 + 9 + 2 + 2) == 0);
        CHECK(length > strlen(auth_info) &&
              memcmp(asked + length - strlen(auth_info), auth_info, strlen(auth_info)) == 0);
        /* The answer was about a close: the open counts as not taken. */
        CHECK(strstr(host_journalled(), "IAMLOGIN_ACTION=session-open\n") != NULL);
        CHECK(host_journalled()[0] == '\0');
}

/* Lets a process that opened no session close one: what its environment says names no key. */
static void believes_no_key_at_the_end_alone(void)
{
        pam_handle_t *pam = start("alice");
        char variable[512];

        snprintf(variable, sizeof(variable), "SSH_AUTH_INFO_0=%s", auth_info);
        CHECK(pam_putenv(pam, variable) == PAM_SUCCESS);
        CHECK(pam_close_session(pam, 0) == PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        const char *entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_ACTION=session-close\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_KEY_FINGERPRINT") == NULL);
}

static void opens_with(const char *value, const char *expected)
{
        pam_handle_t *pam = start("alice");
        char variable[2048];

        snprintf(variable, sizeof(variable), "SSH_AUTH_INFO_0=%s", value);
        CHECK(pam_putenv(pam, variable) == PAM_SUCCESS);
        CHECK(pam_open_session(pam, 0) == PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        CHECK(strstr(host_journalled(), expected) != NULL);
}

static void names_what_a_certificate_holds(void)
{
        char line[2048], type[64], blob[1500], fingerprint[64], serial[32], id[64], text[1700], expected[256];

        FILE *file = fopen(VECTORS "/certificates.tsv", "r");
        CHECK(file != NULL && fgets(line, sizeof(line), file) != NULL);
        fclose(file);
        CHECK(sscanf(line, "%63s %1499s %63s %31s %63s", type, blob, fingerprint, serial, id) == 5);
        snprintf(text, sizeof(text), "publickey %s %s\n", type, blob);
        snprintf(expected, sizeof(expected),
                 "IAMLOGIN_KEY_FINGERPRINT=%s\nIAMLOGIN_KEY_CERTIFICATE_ID=%s\n"
                 "IAMLOGIN_KEY_CERTIFICATE_SERIAL=%s\n",
                 fingerprint, id, serial);
        opens_with(text, expected);
        /* What sshd would never write is no key. */
        opens_with("publickey ssh-ed25519 AAAA\xff", "IAMLOGIN_ACTION=session-open\n");
}

static void journals_sessions_that_nobody_takes(void)
{
        char opened[64] = "", closed[64] = "";

        runs_a_session("alice");
        const char *entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_ACTION=session-open\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_USER=alice\n") != NULL);
        /* As ssh-keygen -l prints it. */
        CHECK(strstr(entry, "IAMLOGIN_KEY_FINGERPRINT=" FINGERPRINT "\n") != NULL);
        CHECK(sscanf(strstr(entry, "IAMLOGIN_SESSION="), "IAMLOGIN_SESSION=%63s", opened) == 1);
        entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_ACTION=session-close\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_KEY_FINGERPRINT=" FINGERPRINT "\n") != NULL);
        CHECK(sscanf(strstr(entry, "IAMLOGIN_SESSION="), "IAMLOGIN_SESSION=%63s", closed) == 1);
        CHECK(strlen(opened) == 32 && strcmp(opened, closed) == 0);
}

static void leaves_local_sessions_alone(void)
{
        pam_handle_t *pam = start("root");

        /* Nobody of ours: PAM_IGNORE, which a stack of this module alone takes for a refusal. */
        CHECK(pam_open_session(pam, 0) != PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        CHECK(host_journalled()[0] == '\0');

        pam = start("root");
        CHECK(pam_set_item(pam, PAM_RUSER, "alice") == PAM_SUCCESS); /* sudo */
        CHECK(pam_open_session(pam, 0) == PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        const char *entry = host_journalled();
        CHECK(strstr(entry, "IAMLOGIN_RUSER=alice\n") != NULL &&
              strstr(entry, "IAMLOGIN_USER=root\n") != NULL);
        CHECK(strstr(entry, "IAMLOGIN_ARN=arn:aws:iam::123456789012:user/alice\n") != NULL);

        /* sudo -u bob: the person is who asked */
        pam = start("bob");
        CHECK(pam_set_item(pam, PAM_RHOST, "") == PAM_SUCCESS);
        CHECK(pam_set_item(pam, PAM_RUSER, "alice") == PAM_SUCCESS);
        CHECK(pam_open_session(pam, 0) == PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        CHECK(strstr(host_journalled(), "user/alice\n") != NULL);

        /* what another host claims counts less than who entered */
        pam = start("bob");
        CHECK(pam_set_item(pam, PAM_RUSER, "alice") == PAM_SUCCESS);
        CHECK(pam_open_session(pam, 0) == PAM_SUCCESS);
        CHECK(pam_end(pam, PAM_SUCCESS) == PAM_SUCCESS);
        CHECK(strstr(host_journalled(), "user/bob\n") != NULL);
}

int main(void)
{
        host_start();
        write_service("");
        publish_keys(0, NULL);
        liar_start(&liar);
        does_as_the_resolver_says();
        cleans_what_others_choose();
        asks_nobody_about_local_users();
        lets_nobody_in_by_a_broken_answer();
        goes_by_the_file_in_an_outage();
        opens_no_home_of_another_uid(true);
        asks_for_the_home_after_a_yes();
        reports_sessions();
        liar_stop(&liar);
        decides_alone_when_nobody_answers();
        opens_no_home_of_another_uid(false);
        lets_nobody_in_whose_keys_were_gone();
        lets_nobody_in_without_keys_db();
        counts_the_age_of_the_directory_by_no_clock_that_is_set();
        journals_sessions_that_nobody_takes();
        believes_no_key_at_the_end_alone();
        names_what_a_certificate_holds();
        leaves_local_sessions_alone();
        host_stop();
        return 0;
}
