/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that enumerates users. */
#include "listing.h"

#include <errno.h>
#include <stdbool.h>

#include "backoff.h"
#include "clock.h"
#include "protocol.h"

void listing_clear(struct listing *listing)
{
        wire_reply_clear(&listing->page);
        snapshot_record_clear(&listing->entry);
        snapshot_release(&listing->snapshot);
        *listing = (struct listing) LISTING_EMPTY;
}

static int peek_file(struct listing *listing, uint8_t opcode, struct reader *ret_entry)
{
        enum snapshot_list list =
                opcode == IAMLOGIN_OP_PASSWD_LIST ? SNAPSHOT_ALL_PASSWD : SNAPSHOT_ALL_GROUPS;

        listing->entry.room = listing->room;
        listing->entry.size = sizeof(listing->room);
        int r = snapshot_entry(&listing->snapshot, list, listing->next, listing->from, &listing->entry);
        if (r == -ENOENT) { /* the end: whoever forgets endpwent(3) keeps no mapping */
                snapshot_record_clear(&listing->entry);
                snapshot_release(&listing->snapshot);
                listing->next = 0;
                listing->from = 0;
        }
        if (r == 0)
                *ret_entry = listing->entry.payload;
        return r;
}

/* A page, within what is left of the walk's budget. */
static int call(struct listing *listing, uint8_t opcode, const unsigned char *payload, size_t length,
                struct wire_reply *ret_reply)
{
        int64_t before = clock_ms(CLOCK_MONOTONIC), left = IAMLOGIN_LISTING_BUDGET_MS - listing->waited_ms;
        bool is_whole = left >= IAMLOGIN_LOOKUP_DEADLINE_MS;

        if (left <= 0 || !backoff_allows(before))
                return -ETIMEDOUT;
        int r = wire_call(opcode, payload, length, is_whole ? IAMLOGIN_LOOKUP_DEADLINE_MS : (int) left,
                          ret_reply);
        int64_t after = clock_ms(CLOCK_MONOTONIC);
        listing->waited_ms += after - before;
        if (is_whole || r != -ETIMEDOUT)
                backoff_note(r, after);
        return r;
}

static int fetch(struct listing *listing, uint8_t opcode)
{
        unsigned char payload[12];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        uint64_t generation = 0;
        uint32_t next = 0, count = 0;

        int r = write_u64(&writer, listing->generation);
        if (r == 0)
                r = write_u32(&writer, listing->next);
        if (r == 0)
                r = call(listing, opcode, payload, sizeof(payload), &reply);
        if (r == 0)
                r = read_u64(&reply.payload, &generation);
        if (r == 0)
                r = read_u32(&reply.payload, &next);
        if (r == 0)
                r = read_u32(&reply.payload, &count);
        if (r < 0)
                return r;
        /* Two directories must not mix, and a page must lead on: no endless enumeration. */
        if ((listing->started && generation != listing->generation) ||
            (next != 0 && (next <= listing->next || count == 0)))
                return -EBADMSG;
        wire_reply_clear(&listing->page);
        listing->page = reply;
        reply = (struct wire_reply) WIRE_REPLY_EMPTY;
        listing->generation = generation;
        listing->next = next;
        listing->remaining = count;
        listing->started = 1;
        return 0;
}

int listing_peek(struct listing *listing, uint8_t opcode, struct reader *ret_entry)
{
        if (!listing->started && snapshot_acquire(&listing->snapshot) == 0)
                listing->started = 1;
        if (listing->snapshot.base != NULL)
                return peek_file(listing, opcode, ret_entry);
        if (listing->remaining == 0) {
                if (listing->started && listing->next == 0)
                        return -ENOENT;
                int r = fetch(listing, opcode);
                if (r < 0)
                        return r;
                if (listing->remaining == 0)
                        return -ENOENT;
        }
        *ret_entry = listing->page.payload;
        return 0;
}

void listing_advance(struct listing *listing, const struct reader *after)
{
        if (listing->snapshot.base != NULL) {
                listing->next++;
                listing->from = listing->entry.end;
                return;
        }
        listing->page.payload = *after;
        listing->remaining--;
}

int listing_pass(struct listing *listing, const struct reader *after)
{
        if (++listing->refused > LISTING_REFUSED_MAX)
                return -EBADMSG;
        listing_advance(listing, after);
        return -EPERM;
}
