/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iamlogin-authorized-keys: sshd's AuthorizedKeysCommand. Asks the resolver for the keys of one user
 * and prints them. Static, no NSS, no environment: sshd runs it twice in every login.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol.h"
#include "wire.h"

enum { EXIT_NO_ANSWER = 1, EXIT_USAGE = 2 };

static const char help[] =
        "usage: iamlogin-authorized-keys USER UID [KEY-TYPE KEY]\n"
        "\n"
        "Prints the authorized keys of USER, for sshd. With sshd's %t and %k: only that key, if it is\n"
        "one of them. Nothing for root, for local accounts that access.shared_accounts does not name,\n"
        "and for whoever may not log in to this host.\n"
        "\n"
        "In sshd_config:\n"
        "  AuthorizedKeysCommand /usr/libexec/iamlogin/iamlogin-authorized-keys %u %U %t %k\n"
        "  AuthorizedKeysCommandUser iamlogin\n"
        "\n"
        "Exit status: 0 answered (also: no key), 1 the resolver could not say, 2 wrong usage.\n"
        "To see what a user has: iamlogin keys USER\n";

static int parse_uid(const char *text, uint32_t *ret_uid)
{
        char *end;

        if (text[0] < '0' || text[0] > '9')
                return -EINVAL;
        errno = 0;
        unsigned long value = strtoul(text, &end, 10);
        if (errno != 0 || *end != '\0' || value > UINT32_MAX)
                return -EINVAL;
        *ret_uid = (uint32_t) value;
        return 0;
}

/* A line of authorized_keys(5): printable, and it begins with a key type, not with options. */
static bool valid_line(const struct view *line)
{
        static const char *const types[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-sha2-"};

        if (line->length == 0 || line->length > IAMLOGIN_KEY_LINE_MAX)
                return false;
        for (uint16_t i = 0; i < line->length; i++)
                if ((unsigned char) line->data[i] < 0x20 || line->data[i] == 0x7f)
                        return false;
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (line->length > strlen(types[i]) && memcmp(line->data, types[i], strlen(types[i])) == 0)
                        return true;
        return false;
}

/* sshd may stop reading at the first match: then nobody misses the rest. */
static int write_line(const struct view *line)
{
        char text[IAMLOGIN_KEY_LINE_MAX + 1];
        size_t length = line->length;

        memcpy(text, line->data, length);
        text[length++] = '\n';
        for (size_t done = 0; done < length;) {
                ssize_t written = write(STDOUT_FILENO, text + done, length - done);
                if (written < 0 && errno != EINTR)
                        return -errno;
                if (written > 0)
                        done += (size_t) written;
        }
        return 0;
}

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
                if (read_str(reader, &line) < 0 || !valid_line(&line))
                        return -EBADMSG;
        if (read_end(reader) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < count; i++) {
                r = read_str(&all, &line);
                if (r == 0)
                        r = write_line(&line);
                if (r < 0)
                        return r == -EPIPE ? 0 : r;
        }
        return 0;
}

static int ask(const char *user, uint32_t uid, const char *type, const char *blob)
{
        unsigned char payload[IAMLOGIN_REQUEST_MAX - 4];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;

        int r = write_str(&writer, user);
        if (r == 0)
                r = write_u32(&writer, uid);
        if (r == 0)
                r = write_str(&writer, type);
        if (r == 0)
                r = write_str(&writer, blob);
        if (r == 0)
                r = wire_call(IAMLOGIN_OP_AUTHORIZED_KEYS, payload, (size_t) (writer.at - payload),
                              IAMLOGIN_DOOR_DEADLINE_MS, &reply);
        if (r == 0)
                r = print_keys(&reply.payload);
        return r;
}

int main(int argc, char **argv)
{
        uint32_t uid;

        signal(SIGPIPE, SIG_IGN);
        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                fputs(help, stdout);
                return EXIT_SUCCESS;
        }
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                puts("iamlogin-authorized-keys " IAMLOGIN_VERSION);
                return EXIT_SUCCESS;
        }
        if ((argc != 3 && argc != 5) || parse_uid(argv[2], &uid) < 0) {
                fputs(help, stderr);
                return EXIT_USAGE;
        }
        /* Whatever the resolver would say: no key of ours opens root. */
        if (uid == 0 || strcmp(argv[1], "root") == 0)
                return EXIT_SUCCESS;
        int r = ask(argv[1], uid, argc == 5 ? argv[3] : "", argc == 5 ? argv[4] : "");
        if (r == 0 || r == -ENOENT)
                return EXIT_SUCCESS;
        fprintf(stderr, "iamlogin-authorized-keys: asking the resolver for the keys of %s: %s\n", argv[1],
                strerror(-r));
        return EXIT_NO_ANSWER;
}
