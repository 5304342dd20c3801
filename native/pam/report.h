/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "visit.h"

/*
 * Reports the begin or end of a session to the resolver, or to the journal where none takes it. The end
 * names the key and the session that the begin kept in the handle. True when it was somebody of ours: a
 * user of directory.db, one who became another (sudo, su), or whoever came with a key. Never a reason to
 * refuse.
 */
bool report_open(pam_handle_t *pam, const struct visit *visit);
bool report_close(pam_handle_t *pam, const struct visit *visit);
