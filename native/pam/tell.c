/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "tell.h"

#include <security/pam_ext.h>
#include <stdio.h>
#include <syslog.h>

#include "fingerprint.h"
#include "journal.h"

void tell(pam_handle_t *pam, const struct visit *visit, const struct known_person *person,
          const struct told *told)
{
        struct journal_entry entry = JOURNAL_EMPTY;
        struct fingerprint key;
        char message[1024];

        fingerprint_of(visit->auth_info, &key);
        (void) snprintf(message, sizeof(message), "%s: %s %s from %s%s%s (%s)", visit->user, told->action,
                        visit->service, visit->rhost[0] != '\0' ? visit->rhost : "this host",
                        told->rule[0] != '\0' ? ": " : "", told->rule, told->why);
        journal_add(&entry, "MESSAGE", message);
        journal_add(&entry, "PRIORITY", told->refused ? "4" : "6");
        journal_add(&entry, "SYSLOG_IDENTIFIER", "iamlogin");
        journal_add(&entry, "IAMLOGIN_UNREPORTED", "1");
        journal_add(&entry, "IAMLOGIN_ACTION", told->action);
        journal_add(&entry, "IAMLOGIN_RULE", told->rule);
        journal_add(&entry, "IAMLOGIN_USER", visit->user);
        journal_add(&entry, "IAMLOGIN_SERVICE", visit->service);
        journal_add(&entry, "IAMLOGIN_TTY", visit->tty);
        journal_add(&entry, "IAMLOGIN_RHOST", visit->rhost);
        journal_add(&entry, "IAMLOGIN_RUSER", visit->ruser);
        journal_add(&entry, "IAMLOGIN_SESSION", told->session);
        journal_add_key(&entry, &key);
        if (person != NULL) {
                journal_add(&entry, "IAMLOGIN_USER_ID", person->user_id);
                journal_add(&entry, "IAMLOGIN_ARN", person->arn);
        }
        if (entry.overflow || journal_send(&entry) < 0)
                pam_syslog(pam, told->refused ? LOG_WARNING : LOG_INFO, "%s key=%s session=%s", message,
                           key.text, told->session);
}
