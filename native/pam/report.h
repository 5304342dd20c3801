/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "visit.h"

/*
 * Reports the begin or end of a session to the resolver, or to the journal where none answers.
 * True when it was somebody of ours: a user of directory.db, one who became another (sudo, su), or
 * whoever came with a key. Never a reason to refuse.
 */
bool report_session(pam_handle_t *pam, const struct visit *visit, bool is_open);
