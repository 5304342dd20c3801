/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "visit.h"

/*
 * May this visitor enter now? PAM_SUCCESS, PAM_PERM_DENIED (told why in one line), or PAM_IGNORE
 * for a user that no directory of IAM users has. A home of another uid refuses (home.h). Without a resolver
 * directory.db decides, within source.offline.
 */
int door_ask(pam_handle_t *pam, const struct visit *visit, const struct options *options);
