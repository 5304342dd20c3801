/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Trusts no answer. */
#include "lookup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "backoff.h"
#include "clock.h"
#include "reply-cache.h"
#include "misses.h"
#include "protocol.h"
#include "record.h"
#include "snapshot.h"
#include "valid.h"
#include "wire.h"

static int send_question(const struct question *question, struct wire_reply *ret_reply)
{
        unsigned char payload[2 + IAMLOGIN_NAME_MAX];
        struct writer writer = {payload, payload + sizeof(payload)};

        int r = question->name != NULL ? write_str(&writer, question->name)
                                       : write_u32(&writer, question->id);
        if (r < 0)
                return r;
        if (!backoff_allows(clock_ms(CLOCK_MONOTONIC_COARSE)))
                return -ETIMEDOUT;
        r = wire_call(question->opcode, payload, (size_t) (writer.at - payload), IAMLOGIN_LOOKUP_DEADLINE_MS,
                      ret_reply);
        backoff_note(r, clock_ms(CLOCK_MONOTONIC_COARSE));
        return r;
}

/* What directory.db says about a name or id that it does not hold. */
static bool is_local_name(const struct snapshot *snapshot, const struct question *question)
{
        return question->name == NULL ? !snapshot_covers_id(snapshot, question->id)
                                      : snapshot_is_local_name(snapshot, question->name);
}

/*
 * Asks the resolver what the file did not have, unless it is known to have no answer. Gives the
 * mapping back first: the wait may be long.
 */
static int ask(const struct question *question, struct snapshot *snapshot, struct wire_reply *ret_reply)
{
        struct miss miss = {question->opcode, question->name, question->id, 0};
        bool is_remembered = snapshot->base != NULL;
        int r = question->name != NULL ? answer_may_have_name(question->name)
                                       : answer_may_have_id(question->id);

        if (r < 0)
                return r;
        if (is_remembered) {
                miss.generation = snapshot_generation(snapshot);
                if (is_local_name(snapshot, question) || misses_know(&miss))
                        return -ENOENT;
                snapshot_release(snapshot);
        }
        if (reply_cache_take(question, clock_ms(CLOCK_MONOTONIC_COARSE), ret_reply))
                return 0;
        r = send_question(question, ret_reply);
        if (r == -ENOENT && is_remembered)
                misses_note(&miss);
        return r;
}

/* The result of a lookup; what came and did not fit serves the caller's next try. */
static int keep_if_large(int r, const struct question *question, struct wire_reply *reply)
{
        if (r == -ERANGE && reply->frame != NULL)
                reply_cache_put(question, reply, clock_ms(CLOCK_MONOTONIC_COARSE));
        return r;
}

static bool is_name(const struct view *view, const char *name)
{
        return view->data != NULL && strlen(name) == view->length &&
               memcmp(view->data, name, view->length) == 0;
}

static int passwd_of(struct wire_reply *reply, struct passwd_record *ret_record)
{
        int r = decode_passwd(&reply->payload, ret_record);

        return r < 0 ? r : read_end(&reply->payload);
}

static int group_of(struct wire_reply *reply, struct group_record *ret_record)
{
        int r = decode_group(&reply->payload, ret_record);

        return r < 0 ? r : read_end(&reply->payload);
}

/* From directory.db, by way of a copy; -ENOENT and worse: ask the resolver. */
static int stored_passwd(const char *name, uint32_t uid, struct snapshot *snapshot,
                         struct snapshot_record *copy, struct passwd_record *ret_record)
{
        int r = snapshot_acquire(snapshot);

        if (r == 0)
                r = name != NULL ? snapshot_find_name(snapshot, SNAPSHOT_PASSWD_BY_NAME, name, copy)
                                 : snapshot_find_id(snapshot, SNAPSHOT_PASSWD_BY_UID, uid, copy);
        return r < 0 ? r : decode_passwd(&copy->payload, ret_record);
}

static int stored_group(const char *name, uint32_t gid, struct snapshot *snapshot,
                        struct snapshot_record *copy, struct group_record *ret_record)
{
        int r = snapshot_acquire(snapshot);

        if (r == 0)
                r = name != NULL ? snapshot_find_name(snapshot, SNAPSHOT_GROUP_BY_NAME, name, copy)
                                 : snapshot_find_id(snapshot, SNAPSHOT_GROUP_BY_GID, gid, copy);
        if (r == 0)
                r = decode_group(&copy->payload, ret_record);
        return r < 0 ? r : read_end(&copy->payload);
}

static bool is_possible(const char *name)
{
        return valid_name(name, strnlen(name, IAMLOGIN_NAME_MAX + 1));
}

int lookup_passwd_by_name(const char *name, char *buffer, size_t length, struct passwd *ret)
{
        const struct question question = {IAMLOGIN_OP_PASSWD_BY_NAME, name, 0};
        unsigned char room[SNAPSHOT_ROOM];
        CLEANUP_RECORD struct snapshot_record copy = SNAPSHOT_RECORD(room);
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        struct passwd_record record = {.uid = 0};

        if (!is_possible(name))
                return -ENOENT;
        int r = stored_passwd(name, 0, &snapshot, &copy, &record);
        if (r < 0) {
                r = ask(&question, &snapshot, &reply);
                if (r == 0)
                        r = passwd_of(&reply, &record);
        }
        if (r == 0 && !is_name(&record.name, name))
                r = -EBADMSG;
        return keep_if_large(r < 0 ? r : answer_passwd(&record, buffer, length, ret), &question, &reply);
}

int lookup_passwd_by_uid(uint32_t uid, char *buffer, size_t length, struct passwd *ret)
{
        const struct question question = {IAMLOGIN_OP_PASSWD_BY_UID, NULL, uid};
        unsigned char room[SNAPSHOT_ROOM];
        CLEANUP_RECORD struct snapshot_record copy = SNAPSHOT_RECORD(room);
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        struct passwd_record record = {.uid = 0};

        if (!valid_id(uid))
                return -ENOENT;
        int r = stored_passwd(NULL, uid, &snapshot, &copy, &record);
        if (r < 0) {
                r = ask(&question, &snapshot, &reply);
                if (r == 0)
                        r = passwd_of(&reply, &record);
        }
        if (r == 0 && record.uid != uid)
                r = -EBADMSG;
        return keep_if_large(r < 0 ? r : answer_passwd(&record, buffer, length, ret), &question, &reply);
}

int lookup_group_by_name(const char *name, char *buffer, size_t length, struct group *ret)
{
        const struct question question = {IAMLOGIN_OP_GROUP_BY_NAME, name, 0};
        unsigned char room[SNAPSHOT_ROOM];
        CLEANUP_RECORD struct snapshot_record copy = SNAPSHOT_RECORD(room);
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        struct group_record record = {.gid = 0};

        if (!is_possible(name))
                return -ENOENT;
        int r = stored_group(name, 0, &snapshot, &copy, &record);
        if (r < 0) {
                r = ask(&question, &snapshot, &reply);
                if (r == 0)
                        r = group_of(&reply, &record);
        }
        if (r == 0 && !is_name(&record.name, name))
                r = -EBADMSG;
        return keep_if_large(r < 0 ? r : answer_group(&record, buffer, length, ret), &question, &reply);
}

int lookup_group_by_gid(uint32_t gid, char *buffer, size_t length, struct group *ret)
{
        const struct question question = {IAMLOGIN_OP_GROUP_BY_GID, NULL, gid};
        unsigned char room[SNAPSHOT_ROOM];
        CLEANUP_RECORD struct snapshot_record copy = SNAPSHOT_RECORD(room);
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;
        struct group_record record = {.gid = 0};

        if (!valid_id(gid))
                return -ENOENT;
        int r = stored_group(NULL, gid, &snapshot, &copy, &record);
        if (r < 0) {
                r = ask(&question, &snapshot, &reply);
                if (r == 0)
                        r = group_of(&reply, &record);
        }
        if (r == 0 && record.gid != gid)
                r = -EBADMSG;
        return keep_if_large(r < 0 ? r : answer_group(&record, buffer, length, ret), &question, &reply);
}

void gid_list_clear(struct gid_list *list)
{
        free(list->gids);
        *list = (struct gid_list) GID_LIST_EMPTY;
}

/* The analyzer does not see that the cleanup attribute frees. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static int read_gids(struct reader *reader, bool is_stored, struct gid_list *ret_list)
{
        CLEANUP_GIDS struct gid_list list = GID_LIST_EMPTY;
        uint32_t count = 0;

        int r = read_u32(reader, &count);
        if (r < 0)
                return r;
        if (count > IAMLOGIN_GIDS_MAX)
                return -EBADMSG;
        list.gids = malloc(((size_t) count + 1) * sizeof(*list.gids));
        if (list.gids == NULL)
                return -ENOMEM;
        for (; list.count < count; list.count++) {
                uint32_t gid;
                if (read_u32(reader, &gid) < 0 || !valid_id(gid))
                        return -EBADMSG;
                list.gids[list.count] = gid;
        }
        /* In the file the person's identity follows, which is the door's business. */
        r = is_stored ? 0 : read_end(reader);
        if (r < 0)
                return r;
        *ret_list = list;
        list = (struct gid_list) GID_LIST_EMPTY;
        return 0;
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static int stored_gids(const char *user, struct snapshot *snapshot, struct gid_list *ret_list)
{
        unsigned char room[SNAPSHOT_ROOM];
        CLEANUP_RECORD struct snapshot_record copy = SNAPSHOT_RECORD(room);
        struct passwd_record record = {.uid = 0};

        int r = stored_passwd(user, 0, snapshot, &copy, &record);
        return r < 0 ? r : read_gids(&copy.payload, true, ret_list);
}

int lookup_initgroups(const char *user, struct gid_list *ret_list)
{
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;
        CLEANUP_REPLY struct wire_reply reply = WIRE_REPLY_EMPTY;

        if (!is_possible(user))
                return -ENOENT;
        int r = stored_gids(user, &snapshot, ret_list);
        if (r < 0) {
                r = ask(&(struct question){IAMLOGIN_OP_INITGROUPS, user, 0}, &snapshot, &reply);
                if (r == 0)
                        r = read_gids(&reply.payload, false, ret_list);
        }
        return r < 0 ? r : answer_check_gids(user, ret_list->gids, ret_list->count);
}
