/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iamlogin-authorized-keys: sshd's AuthorizedKeysCommand. Asks the resolver for the keys of one user
 * and prints them; without it, those that were known last. Static, no NSS, no environment: sshd runs
 * it twice in every login.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "offline.h"
#include "decimal.h"
#include "host-facts.h"
#include "key-line.h"
#include "outage.h"
#include "protocol.h"
#include "root-list.h"
#include "valid.h"
#include "wire.h"

enum { EXIT_NO_ANSWER = 1, EXIT_USAGE = 2 };

static const char help[] =
        "usage: iamlogin-authorized-keys USER UID [KEY-TYPE KEY]\n"
        "\n"
        "Prints the authorized keys of USER, for sshd. With sshd's %t and %k: only that key, if it is\n"
        "one of them. Nothing for root, for local accounts that /etc/iamlogin/root.d/shared-accounts does\n"
        "not list, and for whoever may not log in to this host. While no resolver answers, the keys that\n"
        "were known last serve within source.offline.\n"
        "\n"
        "In sshd_config:\n"
        "  AuthorizedKeysCommand /usr/libexec/iamlogin/iamlogin-authorized-keys %u %U %t %k\n"
        "  AuthorizedKeysCommandUser iamlogin\n"
        "\n"
        "Exit status: 0 answered (also: no key), 1 the resolver could not say, 2 wrong usage.\n"
        "To see what a user has: iamlogin keys USER\n";

static int print_keys(struct reader *reader)
{
        struct reader all;
        struct view line;
        uint32_t count;

        int r = read_u32(reader, &count);
        if (r < 0)
                return r;
        if (count > IAMLOGIN_KEYS_MAX)
                return -EBADMSG;
        /* First the whole answer is judged, then printed: never half of a lie. */
        all = *reader;
        for (uint32_t i = 0; i < count; i++)
                if (read_str(reader, &line) < 0 || !key_line_is_valid(&line))
                        return -EBADMSG;
        if (read_end(reader) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < count; i++) {
                r = read_str(&all, &line);
                if (r == 0)
                        r = key_line_print(&line);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int ask(const struct question *question)
{
        unsigned char payload[IAMLOGIN_REQUEST_MAX - 4];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;

        int r = write_str(&writer, question->user);
        if (r == 0)
                r = write_u32(&writer, question->uid);
        if (r == 0)
                r = write_str(&writer, question->type);
        if (r == 0)
                r = write_str(&writer, question->blob);
        if (r == 0)
                r = wire_call(IAMLOGIN_OP_AUTHORIZED_KEYS, payload, (size_t) (writer.at - payload),
                              IAMLOGIN_DOOR_DEADLINE_MS, &reply);
        if (r == 0)
                r = print_keys(&reply.payload);
        return r;
}

/*
 * Keys of ours open no local account that root did not list, whatever anybody says; and the resolver is
 * not asked about those: admins repair a broken host as a local user.
 */
static int is_ours_to_answer(const char *user)
{
        char list[ROOT_LIST_MAX];

        if (!valid_name(user, strnlen(user, IAMLOGIN_NAME_MAX + 1)))
                return 0;
        int is_local = host_has_local(user);
        if (is_local <= 0)
                return is_local < 0 ? is_local : 1;
        return root_list_read(ROOT_LIST_SHARED_ACCOUNTS, list) == 0 &&
               root_list_has(list, user, strlen(user));
}

static int answer(const struct question *question)
{
        int r = ask(question);

        if (r == 0 || r == -ENOENT)
                return 0;
        const char *why = explain_error(r);
        if (!is_outage(r)) {
                offline_refuse(question, why);
                fprintf(stderr, "iamlogin-authorized-keys: no key of %s: %s\n", question->user, why);
                return r;
        }
        int alone = offline_answer(question, why);
        if (alone < 0)
                fprintf(stderr, "iamlogin-authorized-keys: asking the resolver for the keys of %s: %s; %s\n",
                        question->user, why,
                        alone == -ENOENT   ? "none are known of before"
                        : alone == -ESTALE ? "what is known of before is older than source.offline, or dated "
                                             "in the future"
                                           : strerror(-alone));
        return alone;
}

int main(int argc, char **argv)
{
#ifndef IAMLOGIN_TEST_PATHS
        /* The resolver runs as the same user: taken over, it must not reach into this process. Installed
         * with mode 0711 it never could, for what can't be read is not dumpable from exec on. Tests let
         * LeakSanitizer do so. */
        (void) prctl(PR_SET_DUMPABLE, 0);
#endif
        signal(SIGPIPE, SIG_IGN);
        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                fputs(help, stdout);
                return EXIT_SUCCESS;
        }
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                puts("iamlogin-authorized-keys " IAMLOGIN_VERSION);
                return EXIT_SUCCESS;
        }
        struct question question = {.type = argc == 5 ? argv[3] : "", .blob = argc == 5 ? argv[4] : ""};
        if ((argc != 3 && argc != 5) || decimal_u32(argv[2], strlen(argv[2]), &question.uid) < 0) {
                fputs(help, stderr);
                return EXIT_USAGE;
        }
        question.user = argv[1];
        /* Whatever the resolver would say: no key of ours opens root. */
        if (question.uid == 0)
                return EXIT_SUCCESS;
        int r = is_ours_to_answer(question.user);
        if (r < 0)
                fprintf(stderr, "iamlogin-authorized-keys: reading /etc/passwd: %s\n", strerror(-r));
        if (r <= 0)
                return r < 0 ? EXIT_NO_ANSWER : EXIT_SUCCESS;
        return answer(&question) < 0 ? EXIT_NO_ANSWER : EXIT_SUCCESS;
}
