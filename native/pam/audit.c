/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "audit.h"

#include <security/pam_ext.h>
#include <stdio.h>
#include <syslog.h>

#include "fingerprint.h"
#include "journal.h"

void audit_write(pam_handle_t *pam, const struct pam_context *context, const struct host_person *person,
                 const struct audit_event *event)
{
        struct journal_entry entry = JOURNAL_EMPTY;
        struct fingerprint key;
        char message[1024];

        fingerprint_of(context->auth_info, &key);
        (void) snprintf(message, sizeof(message), "%s: %s %s from %s%s%s (%s)", context->user, event->action,
                        context->service, context->rhost[0] != '\0' ? context->rhost : "this host",
                        event->rule[0] != '\0' ? ": " : "", event->rule, event->why);
        const struct journal_head head = {message, event->action, context->user, event->refused};
        journal_begin(&entry, &head);
        journal_add(&entry, "IAMLOGIN_RULE", event->rule);
        journal_add(&entry, "IAMLOGIN_SERVICE", context->service);
        journal_add(&entry, "IAMLOGIN_TTY", context->tty);
        journal_add(&entry, "IAMLOGIN_RHOST", context->rhost);
        journal_add(&entry, "IAMLOGIN_RUSER", context->ruser);
        journal_add(&entry, "IAMLOGIN_SESSION", event->session);
        journal_add_key(&entry, &key);
        if (person != NULL) {
                journal_add(&entry, "IAMLOGIN_USER_ID", person->user_id);
                journal_add(&entry, "IAMLOGIN_ARN", person->arn);
        }
        if (entry.overflow || journal_send(&entry) < 0)
                pam_syslog(pam, event->refused ? LOG_WARNING : LOG_INFO, "%s key=%s session=%s", message,
                           key.text, event->session);
}
