/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What iamlogin does as root on the resolver's word: end the sessions and processes of a uid, and
 * empty other programs' caches of names. systemd starts it for each connection to its socket, which
 * only the user iamlogin may open. It decides by itself whose uids may be ended: never a local user's,
 * never the system's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caches.h"
#include "cleanup.h"
#include "decimal.h"
#include "local-table.h"
#include "processes.h"
#include "root-ids.h"

enum { PATIENCE_MS = 2000, TRIES_MAX = 5, LOGIND_MS = 5000 };

static const char help[] =
        "usage: iamlogin-terminate < REQUEST\n"
        "Reads one uid, decimal, from standard input and ends every session and process of it, if it is\n"
        "one that iamlogin gives out (within " ROOT_LISTS_DIR "/ids, else 1879048192-2147352575, and in no\n"
        "line of /etc/passwd), with what that user became by sudo or su on a terminal. Prints \"ended "
        "COUNT\"\n"
        "or \"refused REASON\". The request \"caches\" empties nscd's passwd and group caches instead, and\n"
        "prints \"emptied NAMES\" or \"refused REASON\". Started by iamlogin-terminate.socket; needs root.\n"
        "\n"
        "Example:\n"
        "  echo 1950171475 | iamlogin-terminate\n";

static int read_uid(const char *line, uint32_t *ret_uid)
{
        size_t length = strcspn(line, "\n");

        return line[length] == '\n' ? decimal_u32(line, length, ret_uid) : -EINVAL;
}

static int empty_caches(void)
{
        int r = caches_empty_nscd();

        if (r < 0) {
                printf("refused: nscd: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        puts(r > 0 ? "emptied nscd" : "emptied");
        return EXIT_SUCCESS;
}

/* logind ends what signals to the user's own processes leave: scopes, the user's manager. */
static void ask_logind(uint32_t uid)
{
        char text[16], path[64];
        char *const command[] = {(char *) "loginctl", (char *) "terminate-user", text, NULL};
        char *const environment[] = {(char *) "PATH=/usr/bin:/bin", NULL};
        posix_spawn_file_actions_t actions;
        pid_t child;

        (void) snprintf(text, sizeof(text), "%u", uid);
        (void) snprintf(path, sizeof(path), "/run/systemd/users/%u", uid);
        if (access(path, F_OK) < 0 || posix_spawn_file_actions_init(&actions) != 0)
                return;
        /* Its words are not for the resolver. */
        if (posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
            posix_spawn(&child, "/usr/bin/loginctl", &actions, NULL, command, environment) == 0)
                (void) processes_await_child(child, LOGIND_MS);
        posix_spawn_file_actions_destroy(&actions);
}

/* Gently first: a shell that is hung up lets sshd close the session as it should, and PAM hear of it. */
static int end_all(uint32_t uid)
{
        CLEANUP_HELD struct held held = HELD_EMPTY;

        int r = processes_hold(uid, &held);
        if (r < 0)
                return r;
        int owned = processes_signal(uid, SIGHUP);
        if (owned < 0)
                return owned;
        int count = owned + processes_signal_held(&held, SIGHUP);
        (void) processes_signal(uid, SIGTERM);
        (void) processes_signal(uid, SIGCONT);
        int left = processes_await(uid, PATIENCE_MS);
        for (int tries = 0; tries < TRIES_MAX; tries++) {
                (void) processes_signal_held(&held, SIGKILL);
                if (left == 0)
                        break;
                left = processes_signal(uid, SIGKILL);
                if (left < 0)
                        return left;
                /* Processes that fork faster than one can look are gone in one step. */
                (void) processes_kill_at_once(uid);
                left = processes_await(uid, PATIENCE_MS / 2);
        }
        /* Last, for it may be slow: what is left of sessions and units in its books. */
        ask_logind(uid);
        return left > 0 ? -EBUSY : count;
}

int main(int argc, char **argv)
{
        struct root_ids ids;
        uint32_t uid;
        char line[16] = "";

        signal(SIGPIPE, SIG_IGN);
        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                fputs(help, stdout);
                return EXIT_SUCCESS;
        }
        if (argc != 1) {
                fputs(help, stderr);
                return 2;
        }
        if (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "caches\n") == 0)
                return empty_caches();
        if (read_uid(line, &uid) < 0) {
                puts("refused: no uid");
                return EXIT_FAILURE;
        }
        int r = root_ids_read(&ids);
        if (r < 0) {
                printf("refused: " ROOT_LISTS_DIR "/ids: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        if (!root_ids_allow(&ids, uid)) {
                puts("refused: not an id of iamlogin's");
                return EXIT_FAILURE;
        }
        r = local_passwd_has_uid(uid);
        if (r != 0) {
                puts(r > 0 ? "refused: a local user's" : "refused: /etc/passwd can't be read");
                return EXIT_FAILURE;
        }
        r = end_all(uid);
        if (r < 0) {
                printf("refused: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        printf("ended %d\n", r);
        return EXIT_SUCCESS;
}
