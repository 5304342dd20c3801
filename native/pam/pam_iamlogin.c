/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of iamlogin: pam_sm_acct_mgmt(3), pam_sm_open_session(3). Loaded into sshd, sudo, login,
 * cron as root. Never exits, never touches signals, keeps no descriptor.
 */
#include <security/pam_modules.h>

#include "cancel.h"
#include "door.h"
#include "report.h"
#include "visit.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv);
EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv);
EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv);

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        DEFER_CANCEL;
        struct options options = options_read(pamh, argc, argv);
        struct visit visit;

        (void) flags;
        int r = visit_read(pamh, &visit);
        if (r != PAM_SUCCESS)
                return r;
        return visit_is_person(&visit) ? door_ask(pamh, &visit, &options) : PAM_IGNORE;
}

static int session(pam_handle_t *pamh, bool is_open)
{
        struct visit visit;

        if (visit_read(pamh, &visit) != PAM_SUCCESS || !visit_is_person(&visit))
                return PAM_IGNORE;
        bool is_ours = is_open ? report_open(pamh, &visit) : report_close(pamh, &visit);
        return is_ours ? PAM_SUCCESS : PAM_IGNORE;
}

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        DEFER_CANCEL;
        (void) flags;
        (void) options_read(pamh, argc, argv);
        return session(pamh, true);
}

int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        DEFER_CANCEL;
        (void) flags, (void) argc, (void) argv;
        return session(pamh, false);
}
