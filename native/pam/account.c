/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "account.h"

#include <errno.h>
#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>

#include "bytes.h"
#include "home.h"
#include "host-facts.h"
#include "outage.h"
#include "protocol.h"
#include "offline.h"
#include "audit.h"
#include "valid.h"
#include "wire.h"

enum { MESSAGE_MAX = 200 };

struct answer {
        uint8_t verdict;
        char message[MESSAGE_MAX + 1];
};

/* One line for a terminal: what a resolver that was taken over could put in there must not act. */
static void copy_line(const struct view *view, char text[MESSAGE_MAX + 1])
{
        size_t length = view->length < MESSAGE_MAX ? view->length : MESSAGE_MAX;

        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char) view->data[i];
                text[i] = (char) (c < 0x20 || c >= 0x7f ? '?' : c);
        }
        text[length] = '\0';
}

static int decode(struct reader *payload, struct answer *ret_answer)
{
        struct view rule, message;
        struct answer answer;

        if (read_u8(payload, &answer.verdict) < 0 || read_str(payload, &rule) < 0 ||
            read_str(payload, &message) < 0 || read_end(payload) < 0 ||
            answer.verdict > IAMLOGIN_VERDICT_IGNORE)
                return -EBADMSG;
        copy_line(&message, answer.message);
        *ret_answer = answer;
        return 0;
}

static int ask(const struct pam_context *context, struct answer *ret_answer)
{
        unsigned char payload[IAMLOGIN_REQUEST_MAX - 4];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;

        int r = pam_context_write(&writer, context);
        if (r == 0)
                r = wire_call(IAMLOGIN_OP_ACCOUNT, payload, (size_t) (writer.at - payload),
                              IAMLOGIN_DOOR_DEADLINE_MS, &reply);
        return r < 0 ? r : decode(&reply.payload, ret_answer);
}

static int refuse(pam_handle_t *pam)
{
        pam_error(pam, "iamlogin: your access can't be confirmed now; ask whoever manages this host.");
        return PAM_PERM_DENIED;
}

static int decide_alone(pam_handle_t *pam, const struct pam_context *context, const struct options *options,
                        int error)
{
        struct host_person person;

        int r = host_find_person(context->user, &person);
        /* Without the file, as before the first read of the source, no name of ours resolves either. */
        if (r == -ENOENT || (r == -ENODATA && !options->offline_deny))
                return PAM_IGNORE;
        if (r < 0) {
                /* Not local, and no file to look into: the user cannot be vouched for. */
                pam_syslog(pam, LOG_ERR, "%s, and directory.db can't be read: %s is refused",
                           explain_error(error), context->user);
                return PAM_PERM_DENIED;
        }
        const char *shut = offline_refusal(context->user, &person);
        bool refused = options->offline_deny || !person.is_fresh || shut != NULL;
        const struct audit_event event = {
                .action = refused ? "login-refused" : "login-allowed",
                .rule = options->offline_deny ? "offline=deny"
                        : shut != NULL        ? shut
                        : person.is_fresh     ? "directory.db within source.offline"
                                          : "directory.db older than source.offline, or dated in the future",
                .session = "",
                .why = explain_error(error),
                .refused = refused,
        };
        audit_write(pam, context, &person, &event);
        return refused ? refuse(pam) : PAM_SUCCESS;
}

/*
 * A resolver is there, and what came of asking it is neither a verdict nor an outage: only a user who is not
 * ours is let pass, by what was published last.
 */
static int refuse_unanswered(pam_handle_t *pam, const struct pam_context *context, int error)
{
        struct host_person person;
        const struct audit_event event = {.action = "login-refused",
                                          .rule = "no answer of the resolver's that counts",
                                          .session = "",
                                          .why = explain_error(error),
                                          .refused = true};

        int r = host_find_person(context->user, &person);
        if (r == -ENOENT)
                return PAM_IGNORE;
        pam_syslog(pam, LOG_ERR, "%s is refused: %s", context->user, event.why);
        audit_write(pam, context, r == 0 ? &person : NULL, &event);
        return refuse(pam);
}

int account_check(pam_handle_t *pam, const struct pam_context *context, const struct options *options)
{
        struct answer answer;
        struct host_person person;

        /* First: an administrator repairs a host on which all of this is broken as a local user. */
        if (!valid_name(context->user, strnlen(context->user, IAMLOGIN_NAME_MAX + 1)) ||
            host_has_local(context->user) > 0)
                return PAM_IGNORE;
        /* Without a wait: directory.db holds the passwd event. An outage opens no such home either. */
        bool is_known = host_find_person(context->user, &person) == 0;
        if (is_known && home_check(pam, context) == PAM_PERM_DENIED)
                return PAM_PERM_DENIED;
        int r = ask(context, &answer);
        if (r < 0 && !is_outage(r))
                return refuse_unanswered(pam, context, r);
        if (r < 0) {
                if (options->debug || r != -ECONNREFUSED)
                        pam_syslog(pam, LOG_WARNING, "asking about %s: %s", context->user, explain_error(r));
                return decide_alone(pam, context, options, r);
        }
        switch (answer.verdict) {
        case IAMLOGIN_VERDICT_ALLOW:
                return is_known || home_check(pam, context) != PAM_PERM_DENIED ? PAM_SUCCESS
                                                                               : PAM_PERM_DENIED;
        case IAMLOGIN_VERDICT_DENY:
                if (answer.message[0] != '\0')
                        pam_error(pam, "iamlogin: %s", answer.message);
                return PAM_PERM_DENIED;
        default:
                return PAM_IGNORE;
        }
}
