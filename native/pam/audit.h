/* SPDX-License-Identifier: Apache-2.0 */
/* Audit entries that this process writes itself, because no resolver takes them. */
#pragma once

#include "host-facts.h"
#include "pam-context.h"

struct audit_event {
        const char *action; /* as in src/audit/event.ts */
        const char *rule;   /* for logins, else "" */
        const char *session;
        const char *why; /* no resolver took it: why not */
        bool refused;
};

/* To the journal; where there is none, to syslog. `person` may be NULL: a local user. */
void audit_write(pam_handle_t *pam, const struct pam_context *context, const struct host_person *person,
                 const struct audit_event *event);
