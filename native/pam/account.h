/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "pam-context.h"

/*
 * May this user log in now? PAM_SUCCESS, PAM_PERM_DENIED (with the reason in one line), or PAM_IGNORE
 * for a user that no directory of IAM users has. A home of another uid refuses (home.h). Without a resolver
 * directory.db decides, within source.offline.
 */
int account_check(pam_handle_t *pam, const struct pam_context *context, const struct options *options);
