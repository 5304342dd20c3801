/* SPDX-License-Identifier: Apache-2.0 */
/* The process table as proc(5) shows it, and signals that cannot hit a pid's next owner. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum whose {
        OWNED,         /* real, effective or saved uid */
        BECAME_OTHERS, /* logged in as the uid, is somebody else now (sudo), and has a terminal */
};

/*
 * Sends the signal to each process of the uid but this one and init; 0 only looks. Gives how many
 * there are, or -errno.
 */
int processes_signal(uint32_t uid, enum whose whose, int signal);

/* Waits until no process of the uid is left, at most timeout_ms; gives how many are. */
int processes_await(uint32_t uid, int timeout_ms);
