/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron, and part of the key command. Never calls getpw*(3). */
#include "host-facts.h"

#include <errno.h>
#include <string.h>

#include "answer.h"
#include "local-table.h"
#include "moment.h"
#include "record.h"
#include "snapshot.h"

int host_has_local(const char *name)
{
        return local_passwd_has_name(name);
}

static void copy(const struct view *view, char text[HOST_TEXT_MAX])
{
        size_t length = view->length < HOST_TEXT_MAX ? view->length : HOST_TEXT_MAX - 1;

        if (length > 0)
                memcpy(text, view->data, length);
        text[length] = '\0';
}

static int skip_gids(struct reader *payload)
{
        uint32_t count, gid;

        int r = read_u32(payload, &count);
        for (uint32_t i = 0; r == 0 && i < count; i++)
                r = read_u32(payload, &gid);
        return r;
}

static bool is_fresh(const struct snapshot *snapshot)
{
        struct moment read_at;
        uint64_t offline_ms;
        int64_t age_ms;

        snapshot_times(snapshot, &read_at, &offline_ms);
        return moment_age(&read_at, &age_ms) == 0 && (uint64_t) age_ms <= offline_ms;
}

int host_freshness(bool *ret_is_fresh)
{
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;

        int r = snapshot_acquire(&snapshot);
        if (r == 0)
                *ret_is_fresh = is_fresh(&snapshot);
        return r;
}

int host_find_person(const char *name, struct host_person *ret_person)
{
        unsigned char room[SNAPSHOT_ROOM];
        CLEANUP_RECORD struct snapshot_record stored = SNAPSHOT_RECORD(room);
        CLEANUP_SNAPSHOT struct snapshot snapshot = SNAPSHOT_NONE;
        struct reader *payload = &stored.payload;
        struct host_person person = {.uid = 0};
        struct passwd_record record = {.uid = 0};
        struct view user_id = {NULL, 0}, arn = {NULL, 0};

        int r = snapshot_acquire(&snapshot);
        if (r < 0)
                return r == -ENOENT ? -ENODATA : r;
        r = snapshot_find_name(&snapshot, SNAPSHOT_PASSWD_BY_NAME, name, &stored);
        if (r == 0)
                r = decode_passwd(payload, &record);
        if (r == 0)
                r = answer_check_passwd(&record);
        if (r == 0)
                r = skip_gids(payload);
        if (r == 0)
                r = read_str(payload, &user_id);
        if (r == 0)
                r = read_str(payload, &arn);
        if (r < 0)
                return r;
        person.uid = record.uid;
        copy(&user_id, person.user_id);
        copy(&arn, person.arn);
        person.is_fresh = is_fresh(&snapshot);
        *ret_person = person;
        return 0;
}
