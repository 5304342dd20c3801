/* SPDX-License-Identifier: Apache-2.0 */
/* Audit entries that this process writes itself, because no resolver takes them. */
#pragma once

#include "known.h"
#include "visit.h"

struct told {
        const char *action; /* as in src/audit/event.ts */
        const char *rule;   /* for logins, else "" */
        const char *session;
        const char *why; /* no resolver took it: why not */
        bool refused;
};

/* To the journal; where there is none, to syslog. `person` may be NULL: somebody local. */
void tell(pam_handle_t *pam, const struct visit *visit, const struct known_person *person,
          const struct told *told);
