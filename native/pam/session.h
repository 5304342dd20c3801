/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "pam-context.h"

/*
 * Reports the begin or end of a session to the resolver, or to the journal where none takes it. The end
 * names the key and the session that the begin kept in the handle. True when it may be a person's: a
 * user of directory.db, one who became another (sudo, su), or a login with a key. Never a reason to
 * refuse.
 */
bool session_opened(pam_handle_t *pam, const struct pam_context *context);
bool session_closed(pam_handle_t *pam, const struct pam_context *context);
