/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "known.h"
#include "protocol.h"
#include "tell.h"
#include "valid.h"
#include "wire.h"

#define SESSION_SIZE 33
#define DATA_NAME "iamlogin_session"

/* Whoever mends a host whose resolver hangs comes as a local user: they hardly wait, and the journal
 * takes what the resolver does not. */
enum { LOCAL_PATIENCE_MS = 200 };

static void free_data(pam_handle_t *pam, void *data, int status)
{
        (void) pam, (void) status;
        free(data);
}

static uint64_t now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* When it began, in microseconds since the epoch, and a random number, both in hex. */
static void make_session(char session[SESSION_SIZE])
{
        uint64_t number = 0;

        /* Not a secret, only a name: what is missing at boot may be zero. */
        (void) !getrandom(&number, sizeof(number), GRND_NONBLOCK);
        (void) snprintf(session, SESSION_SIZE, "%016" PRIx64 "%016" PRIx64, now_us(), number);
}

/* The same name at open and at close, where one process does both, as PAM wants it. */
static void session_of(pam_handle_t *pam, bool is_open, char session[SESSION_SIZE])
{
        const void *data = NULL;

        if (!is_open && pam_get_data(pam, DATA_NAME, &data) == PAM_SUCCESS && data != NULL) {
                memcpy(session, data, SESSION_SIZE);
                return;
        }
        make_session(session);
        char *kept = is_open ? strdup(session) : NULL;
        if (kept != NULL && pam_set_data(pam, DATA_NAME, kept, free_data) != PAM_SUCCESS)
                free(kept);
}

static int send_report(const struct visit *visit, const char *session, bool is_open, int timeout_ms)
{
        unsigned char payload[IAMLOGIN_REQUEST_MAX - 4];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        const char *const fields[] = {visit->user, visit->service, visit->tty, visit->rhost, visit->ruser};

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                int r = write_str(&writer, fields[i]);
                if (r < 0)
                        return r;
        }
        int r = write_u32(&writer, (uint32_t) getpid());
        if (r == 0)
                r = write_u64(&writer, now_us());
        if (r == 0)
                r = write_str(&writer, session);
        if (r == 0)
                r = write_str(&writer, visit->auth_info);
        if (r == 0)
                r = wire_call(is_open ? IAMLOGIN_OP_SESSION_OPEN : IAMLOGIN_OP_SESSION_CLOSE, payload,
                              (size_t) (writer.at - payload), timeout_ms, &reply);
        return r;
}

static bool is_possible(const char *name)
{
        return valid_name(name, strnlen(name, IAMLOGIN_NAME_MAX + 1));
}

static bool is_known(const char *name, struct known_person *ret_person)
{
        return is_possible(name) && known_find(name, ret_person) == 0;
}

bool report_session(pam_handle_t *pam, const struct visit *visit, bool is_open)
{
        struct known_person person;
        char session[SESSION_SIZE];

        /*
         * Whose session it is: who became somebody else by sudo or su, or who entered. With an address
         * PAM_RUSER is what another host claims, and counts only where nothing else tells.
         */
        bool is_asked_here = visit->rhost[0] == '\0';
        const char *first = is_asked_here ? visit->ruser : visit->user;
        const char *second = is_asked_here ? visit->user : visit->ruser;
        bool is_person = is_known(first, &person) || is_known(second, &person);
        /* When it can't be said, the resolver may know. */
        bool is_local = is_possible(visit->user) && known_local(visit->user) > 0;
        bool may_be_ours =
                is_person || visit->auth_info[0] != '\0' || (is_possible(visit->user) && !is_local);
        if (!may_be_ours)
                return false;
        session_of(pam, is_open, session);
        if (send_report(visit, session, is_open, is_local ? LOCAL_PATIENCE_MS : IAMLOGIN_LOOKUP_DEADLINE_MS) <
            0) {
                bool is_sudo = strncmp(visit->service, "sudo", 4) == 0;
                const struct told told = {is_open ? (is_sudo ? "sudo" : "session-open") : "session-close", "",
                                          session, false};
                tell(pam, visit, is_person ? &person : NULL, &told);
        }
        return true;
}
