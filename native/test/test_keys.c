/* SPDX-License-Identifier: Apache-2.0 */
/* The key command as sshd runs it, before a resolver that lies. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "liar.h"
#include "protocol.h"

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

int main(void)
{
        static const char key[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJzx alice";
        static const char *const lies[] = {
                "command=\"id\" ssh-ed25519 AAAA",
                "ssh-ed25519 AAAA\nssh-rsa BBBB",
                "hello",
                "",
                "ssh-ed25519 AA\rAA",
        };
        uint8_t frame[1024];
        char output[4096];

        liar_start(&liar);
        answer_line(frame, key, strlen(key));
        CHECK(run("alice 1950171475", output, sizeof(output)) == 0);
        CHECK(strncmp(output, key, strlen(key)) == 0 && output[strlen(key)] == '\n');
        CHECK(run("alice 1950171475 ssh-ed25519 AAAA", output, sizeof(output)) == 0 && output[0] == 's');

        /* whatever the resolver says, nothing for root */
        CHECK(run("root 0", output, sizeof(output)) == 0 && output[0] == '\0');
        CHECK(run("root 1950171475", output, sizeof(output)) == 0 && output[0] == '\0');
        CHECK(run("toor 0", output, sizeof(output)) == 0 && output[0] == '\0');

        for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
                answer_line(frame, lies[i], strlen(lies[i]));
                CHECK(run("alice 1950171475", output, sizeof(output)) == 1 && output[0] == '\0');
        }
        size_t length = answer_line(frame, key, strlen(key));
        for (size_t cut = 0; cut < length; cut++) {
                liar_say(&liar, frame, cut);
                CHECK(run("alice 1950171475", output, sizeof(output)) == 1 && output[0] == '\0');
        }
        /* a reader that leaves early is no failure */
        answer_line(frame, key, strlen(key));
        CHECK(run("alice 1950171475 | true", output, sizeof(output)) == 0);

        CHECK(run("alice", output, sizeof(output)) == 2);
        CHECK(run("alice nobody", output, sizeof(output)) == 2);
        CHECK(run("--help", output, sizeof(output)) == 0 && strstr(output, "AuthorizedKeysCommand") != NULL);
        liar_stop(&liar);
        CHECK(run("alice 1950171475", output, sizeof(output)) == 1 && output[0] == '\0');
        return 0;
}
