/* SPDX-License-Identifier: Apache-2.0 */
/* What the errors of wire_call mean at the door. */
#pragma once

#include <stdbool.h>

/*
 * Whether no resolver could say, so that what was published last decides: none listens, no answer in
 * time, "cannot say". Everything else refuses. What a request holds and what a process may open are no
 * outage: the person at the door chooses the one by their client, the other by ulimit before su.
 */
bool is_outage(int error);

/* An error for the log, with what to do. */
const char *explain_error(int error);
