/* SPDX-License-Identifier: Apache-2.0 */
/* A host of the test's own: a state directory, /etc/passwd, a journal that only this test reads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Makes the folder and points the modules to it by their test variables. */
void host_start(void);
const char *host_folder(void);

/* Puts a file in the folder, whole, by rename. */
void host_write(const char *name, const void *bytes, size_t length);
void host_write_text(const char *name, const char *text);
void host_remove(const char *name);

/* Publishes a vector as directory.db; who has the old one mapped hears of it. */
void host_publish(const char *vector);

/* The next entry that reached the journal, as one string; empty when there is none. */
const char *host_journalled(void);
void host_stop(void);

/* Lets CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME and the wall clock go on, for this program and the modules that
 * it loads. */
void host_pass_time(int64_t ms);
/* Sets the wall clock alone, for the same. */
void host_step_wall_clock(int64_t ms);

/* The host's boot, as moment_boot() has it. */
#define HOST_BOOT 0x0123abcd456789efu
