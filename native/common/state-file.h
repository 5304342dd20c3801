/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the resolver publishes in its state directory, as its readers open them. */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#define STATE_PATH_MAX 256

/* The path of NAME in the state directory. 0 or -ENAMETOOLONG. */
int state_file_path(const char *name, char *path, size_t size);

/*
 * A descriptor, and what statx(2) says of it; the caller closes. -EPERM unless the file is a regular
 * one that root or the directory's owner wrote and that no other uid may write; else -errno.
 */
int state_file_open(const char *name, struct statx *ret_file);
