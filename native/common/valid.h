/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer may carry, whatever the resolver says: names, ids and fields of ours. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Never the system's ids, nobody, or a "no id" value. */
bool valid_id(uint32_t id);

/* The shape that every name of ours has; what has it not is a miss without asking anyone. */
bool valid_name(const char *name, size_t length);

/* One part of a path, such as a home below its folder: longer than a name, never "." or "..". */
bool valid_part(const char *part, size_t length);

/* A passwd(5) or group(5) field: bounded, no NUL, ':' or control character. */
bool valid_field(const char *field, size_t length, size_t max);
