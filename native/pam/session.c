/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "host-facts.h"
#include "outage.h"
#include "protocol.h"
#include "audit.h"
#include "valid.h"
#include "wire.h"

#define SESSION_SIZE 33
#define DATA_NAME "iamlogin_session"

/* Admins repairing a host log in locally: they hardly wait for a hung resolver, and the journal
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

/* What is kept from open to close, in one process, as PAM wants it. */
struct kept {
        char session[SESSION_SIZE];
        char auth_info[AUTH_INFO_MAX + 1];
};

static void keep(pam_handle_t *pam, const char *session, const char *auth_info)
{
        struct kept *kept = calloc(1, sizeof(*kept));

        if (kept == NULL)
                return;
        memcpy(kept->session, session, SESSION_SIZE);
        memcpy(kept->auth_info, auth_info, strlen(auth_info));
        if (pam_set_data(pam, DATA_NAME, kept, free_data) != PAM_SUCCESS)
                free(kept);
}

static const struct kept *find_kept(pam_handle_t *pam)
{
        const void *data = NULL;

        return pam_get_data(pam, DATA_NAME, &data) == PAM_SUCCESS ? data : NULL;
}

static int send_report(const struct pam_context *context, const char *session, bool is_open, int timeout_ms)
{
        unsigned char payload[IAMLOGIN_REQUEST_MAX - 4];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;

        int r = pam_context_write(&writer, context);
        if (r == 0)
                r = write_u32(&writer, (uint32_t) getpid());
        if (r == 0)
                r = write_u64(&writer, now_us());
        if (r == 0)
                r = write_str(&writer, session);
        if (r == 0)
                r = write_str(&writer, context->auth_info);
        if (r == 0)
                r = wire_call(is_open ? IAMLOGIN_OP_SESSION_OPEN : IAMLOGIN_OP_SESSION_CLOSE, payload,
                              (size_t) (writer.at - payload), timeout_ms, &reply);
        return r;
}

static bool is_possible(const char *name)
{
        return valid_name(name, strnlen(name, IAMLOGIN_NAME_MAX + 1));
}

static bool is_known(const char *name, struct host_person *ret_person)
{
        return is_possible(name) && host_find_person(name, ret_person) == 0;
}

static bool report(pam_handle_t *pam, const struct pam_context *context, const char *session, bool is_open)
{
        struct host_person person;

        /*
         * Whose session it is: the user that called sudo or su (PAM_RUSER), or the one that logged in. With
         * an address PAM_RUSER is what another host claims, and counts only where nothing else tells.
         */
        bool is_asked_here = context->rhost[0] == '\0';
        const char *first = is_asked_here ? context->ruser : context->user;
        const char *second = is_asked_here ? context->user : context->ruser;
        bool is_person = is_known(first, &person) || is_known(second, &person);
        /* When it can't be said, the resolver may know. */
        bool is_local = is_possible(context->user) && host_has_local(context->user) > 0;
        bool may_be_ours =
                is_person || context->auth_info[0] != '\0' || (is_possible(context->user) && !is_local);
        if (!may_be_ours)
                return false;
        int r = send_report(context, session, is_open,
                            is_local ? LOCAL_PATIENCE_MS : IAMLOGIN_LOOKUP_DEADLINE_MS);
        if (r < 0) {
                bool is_sudo = strncmp(context->service, "sudo", 4) == 0;
                const struct audit_event event = {
                        .action = is_open ? (is_sudo ? "sudo" : "session-open") : "session-close",
                        .rule = "",
                        .session = session,
                        .why = explain_error(r),
                };
                audit_write(pam, context, is_person ? &person : NULL, &event);
        }
        return true;
}

bool session_opened(pam_handle_t *pam, const struct pam_context *context)
{
        char session[SESSION_SIZE];

        make_session(session);
        if (!report(pam, context, session, true))
                return false;
        keep(pam, session, context->auth_info);
        return true;
}

bool session_closed(pam_handle_t *pam, const struct pam_context *context)
{
        const struct kept *kept = find_kept(pam);
        struct pam_context closed = *context;
        char session[SESSION_SIZE];

        /* The environment is the user's by now: without what was kept there is no key to name. */
        closed.auth_info = kept == NULL ? "" : kept->auth_info;
        make_session(session);
        return report(pam, &closed, kept == NULL ? session : kept->session, false);
}
