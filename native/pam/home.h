/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "pam-context.h"

/*
 * Whether the home of an IAM user is safe to log in to. A home of another uid (a user of the same name was
 * deleted and created again) has start-up files that run as the new user. One that is the user's, root's,
 * missing, or cannot be looked at (NFS with root_squash) is safe.
 *
 * PAM_SUCCESS; PAM_PERM_DENIED: reported to the user, the journal and syslog; PAM_IGNORE: no passwd entry of
 * that name is to be had. Waits for the resolver only if directory.db does not have the name.
 */
int home_check(pam_handle_t *pam, const struct pam_context *context);
