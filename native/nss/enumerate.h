/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enumeration: from directory.db where there is one, which stays mapped until the end of the list,
 * so that two directories never mix; else page by page over the socket. Holds no descriptor.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"
#include "wire.h"

#define LISTING_REFUSED_MAX 4096u

struct enumeration {
        struct snapshot snapshot;     /* held while the list comes from it */
        struct snapshot_record entry; /* the copy of its entry under the cursor */
        unsigned char room[SNAPSHOT_ROOM];
        struct wire_reply page; /* else the page of the resolver */
        uint64_t generation;
        uint32_t next; /* where the page after this begins; 0: there is none. Of a file: the next entry */
        uint32_t remaining; /* entries left in the page */
        uint32_t from;      /* of a file: where the entry before the cursor ends */
        uint32_t refused;   /* entries so far that this host refuses */
        int started;
        int64_t waited_ms; /* for pages, since the list's start */
};

#define ENUMERATION_EMPTY                                                                                    \
        {                                                                                                    \
                .snapshot = SNAPSHOT_NONE, .page = WIRE_REPLY_EMPTY                                          \
        }

void enumeration_clear(struct enumeration *enumeration);

/*
 * Puts the cursor before the next entry and gives it; enumeration_advance() consumes it, so that a
 * caller whose buffer was too small gets the same entry again.
 *   opcode  IAMLOGIN_OP_PASSWD_LIST or IAMLOGIN_OP_GROUP_LIST
 *   0, -ENOENT at the end, other: cannot say
 */
int enumeration_peek(struct enumeration *enumeration, uint8_t opcode, struct reader *ret_entry);
void enumeration_advance(struct enumeration *enumeration, const struct reader *after);

/*
 * As enumeration_advance, past an entry that this host refuses. -EPERM: go on with the next. -EBADMSG: there
 * were more of them than a change of /etc/passwd or of root's lists makes until the resolver has published
 * anew, and no caller waits for a list that is made of them.
 */
int enumeration_pass(struct enumeration *enumeration, const struct reader *after);
