/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration page by page. Holds heap memory between calls, never a descriptor. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct listing {
        struct wire_reply page;
        uint64_t generation;
        uint32_t next;      /* where the page after this begins; 0: there is none */
        uint32_t remaining; /* entries left in the page */
        int started;
};

#define LISTING_EMPTY                                                                                        \
        {                                                                                                    \
                WIRE_REPLY_EMPTY, 0, 0, 0, 0                                                                 \
        }

void listing_clear(struct listing *listing);

/*
 * Puts the cursor before the next entry and gives it; listing_advance() consumes it, so that a
 * caller whose buffer was too small gets the same entry again.
 *   0, -ENOENT at the end, other: cannot say
 */
int listing_peek(struct listing *listing, uint8_t opcode, struct reader *ret_entry);
void listing_advance(struct listing *listing, const struct reader *after);
