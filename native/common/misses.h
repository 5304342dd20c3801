/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the resolver just said is not there: `ls -l` asks for the same unknown uid a thousand times.
 * A process remembers a miss for MISSES_TTL_MS and for as long as the same directory.db is current,
 * so a process that missed a name finds a person who is created at most that much later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MISSES_TTL_MS 1000

struct miss {
        uint8_t opcode;
        const char *name; /* NULL: by id; at most IAMLOGIN_NAME_MAX long */
        uint32_t id;
        uint64_t generation; /* of the directory.db that did not have it */
};

bool misses_know(const struct miss *miss);
void misses_note(const struct miss *miss);
