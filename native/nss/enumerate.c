/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that enumerates users. */
#include "enumerate.h"

#include <errno.h>
#include <stdbool.h>

#include "backoff.h"
#include "clock.h"
#include "protocol.h"

void enumeration_clear(struct enumeration *enumeration)
{
        wire_reply_clear(&enumeration->page);
        snapshot_record_clear(&enumeration->entry);
        snapshot_release(&enumeration->snapshot);
        *enumeration = (struct enumeration) ENUMERATION_EMPTY;
}

static int peek_file(struct enumeration *enumeration, uint8_t opcode, struct reader *ret_entry)
{
        enum snapshot_list list =
                opcode == IAMLOGIN_OP_PASSWD_LIST ? SNAPSHOT_ALL_PASSWD : SNAPSHOT_ALL_GROUPS;

        enumeration->entry.room = enumeration->room;
        enumeration->entry.size = sizeof(enumeration->room);
        int r = snapshot_entry(&enumeration->snapshot, list, enumeration->next, enumeration->from,
                               &enumeration->entry);
        if (r == -ENOENT) { /* the end: a program that forgets endpwent(3) keeps no mapping */
                snapshot_record_clear(&enumeration->entry);
                snapshot_release(&enumeration->snapshot);
                enumeration->next = 0;
                enumeration->from = 0;
        }
        if (r == 0)
                *ret_entry = enumeration->entry.payload;
        return r;
}

/* A page, within what is left of the walk's budget. */
static int call(struct enumeration *enumeration, uint8_t opcode, const unsigned char *payload, size_t length,
                struct wire_reply *ret_reply)
{
        int64_t before = clock_ms(CLOCK_MONOTONIC),
                left = IAMLOGIN_LISTING_BUDGET_MS - enumeration->waited_ms;
        bool is_whole = left >= IAMLOGIN_LOOKUP_DEADLINE_MS;

        if (left <= 0 || !backoff_allows(before))
                return -ETIMEDOUT;
        int r = wire_call(opcode, payload, length, is_whole ? IAMLOGIN_LOOKUP_DEADLINE_MS : (int) left,
                          ret_reply);
        int64_t after = clock_ms(CLOCK_MONOTONIC);
        enumeration->waited_ms += after - before;
        if (is_whole || r != -ETIMEDOUT)
                backoff_note(r, after);
        return r;
}

static int fetch(struct enumeration *enumeration, uint8_t opcode)
{
        unsigned char payload[12];
        struct writer writer = {payload, payload + sizeof(payload)};
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        uint64_t generation = 0;
        uint32_t next = 0, count = 0;

        int r = write_u64(&writer, enumeration->generation);
        if (r == 0)
                r = write_u32(&writer, enumeration->next);
        if (r == 0)
                r = call(enumeration, opcode, payload, sizeof(payload), &reply);
        if (r == 0)
                r = read_u64(&reply.payload, &generation);
        if (r == 0)
                r = read_u32(&reply.payload, &next);
        if (r == 0)
                r = read_u32(&reply.payload, &count);
        if (r < 0)
                return r;
        /* Two directories must not mix, and a page must lead on: no endless enumeration. */
        if ((enumeration->started && generation != enumeration->generation) ||
            (next != 0 && (next <= enumeration->next || count == 0)))
                return -EBADMSG;
        wire_reply_clear(&enumeration->page);
        enumeration->page = reply;
        reply = (struct wire_reply) WIRE_REPLY_EMPTY;
        enumeration->generation = generation;
        enumeration->next = next;
        enumeration->remaining = count;
        enumeration->started = 1;
        return 0;
}

int enumeration_peek(struct enumeration *enumeration, uint8_t opcode, struct reader *ret_entry)
{
        if (!enumeration->started && snapshot_acquire(&enumeration->snapshot) == 0)
                enumeration->started = 1;
        if (enumeration->snapshot.base != NULL)
                return peek_file(enumeration, opcode, ret_entry);
        if (enumeration->remaining == 0) {
                if (enumeration->started && enumeration->next == 0)
                        return -ENOENT;
                int r = fetch(enumeration, opcode);
                if (r < 0)
                        return r;
                if (enumeration->remaining == 0)
                        return -ENOENT;
        }
        *ret_entry = enumeration->page.payload;
        return 0;
}

void enumeration_advance(struct enumeration *enumeration, const struct reader *after)
{
        if (enumeration->snapshot.base != NULL) {
                enumeration->next++;
                enumeration->from = enumeration->entry.end;
                return;
        }
        enumeration->page.payload = *after;
        enumeration->remaining--;
}

int enumeration_pass(struct enumeration *enumeration, const struct reader *after)
{
        if (++enumeration->refused > LISTING_REFUSED_MAX)
                return -EBADMSG;
        enumeration_advance(enumeration, after);
        return -EPERM;
}
