/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door of iamlogin: pam_sm_acct_mgmt(3), pam_sm_open_session(3). Loaded into sshd, sudo, login,
 * cron as root. Never exits, never touches signals, keeps no descriptor.
 */
#include <security/pam_modules.h>

#include "cancel.h"
#include "account.h"
#include "session.h"
#include "pam-context.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv);
EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv);
EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv);

int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        DEFER_CANCEL;
        struct options options = options_read(pamh, argc, argv);
        struct pam_context context;

        (void) flags;
        int r = pam_context_read(pamh, &context);
        if (r != PAM_SUCCESS)
                return r;
        return pam_context_is_login(&context) ? account_check(pamh, &context, &options) : PAM_IGNORE;
}

static int session(pam_handle_t *pamh, bool is_open)
{
        struct pam_context context;

        if (pam_context_read(pamh, &context) != PAM_SUCCESS || !pam_context_is_login(&context))
                return PAM_IGNORE;
        bool is_ours = is_open ? session_opened(pamh, &context) : session_closed(pamh, &context);
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
