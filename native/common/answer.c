/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Trusts no answer. */
#include "answer.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "clock.h"
#include "local-build.h"
#include "pack.h"
#include "valid.h"

static bool is_text(const struct view *view, const char *text)
{
        return view->length == strlen(text) && memcmp(view->data, text, view->length) == 0;
}

static bool allows_id(const struct local_table *local, uint32_t id)
{
        return root_ids_allow(&local->ids, id) && local_flags_of_id(local, id) == 0;
}

/*
 * Names by which sudoers, polkit or daemons of distributions give root, on hosts without such an account
 * too (Ubuntu's sudoers has %admin), and the resolver's own. src/directory/username.ts reserves them.
 */
#define NAME(text)                                                                                           \
        {                                                                                                    \
                text, sizeof(text) - 1                                                                       \
        }

static bool is_privileged(const struct view *name)
{
        static const struct view names[] = {
                NAME("adm"),         NAME("admin"), NAME("disk"),    NAME("docker"), NAME("iamlogin"),
                NAME("incus-admin"), NAME("kmem"),  NAME("libvirt"), NAME("lxd"),    NAME("shadow"),
                NAME("staff"),       NAME("sudo"),  NAME("wheel")};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (names[i].length == name->length && memcmp(names[i].data, name->data, name->length) == 0)
                        return true;
        return false;
}

#undef NAME

static bool allows_name(const struct local_table *local, const struct view *name)
{
        /* A group may have the name of a folder that a local user lives in, and so may a user with another
         * home. */
        return (local_flags_of_name(local, name->data, name->length) & ~(unsigned int) LOCAL_IS_HOME) == 0 &&
               !is_privileged(name);
}

static bool allows_home(const struct local_table *local, const struct passwd_record *record)
{
        size_t length;
        const char *part = root_ids_home(&local->ids, record->dir.data, record->dir.length, &length);

        if (part == NULL)
                return false;
        /* The name itself is checked already. */
        bool is_named = length == record->name.length && memcmp(part, record->name.data, length) == 0;
        return (is_named || valid_part(part, length)) && local_flags_of_name(local, part, length) == 0;
}

static bool allows_passwd(const struct local_table *local, const struct passwd_record *record)
{
        return allows_id(local, record->uid) &&
               (record->gid == record->uid || allows_id(local, record->gid)) &&
               allows_name(local, &record->name) && allows_home(local, record);
}

static bool is_closed_shell(const struct view *shell)
{
        static const char *const shells[] = {"/usr/sbin/nologin", "/sbin/nologin", "/bin/false",
                                             "/usr/bin/false"};

        for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
                if (is_text(shell, shells[i]))
                        return true;
        return false;
}

/* pam_umask(8) obeys "umask=", "pri=" and "ulimit=" in the comma separated fields, as root. */
static bool is_plain_gecos(const struct view *gecos)
{
        for (size_t i = 0; i < gecos->length; i++)
                if (gecos->data[i] == '=' || gecos->data[i] == ',')
                        return false;
        return true;
}

int answer_passwd(const struct passwd_record *record, char *buffer, size_t length, struct passwd *ret)
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;
        struct passwd_record given = *record;

        int r = local_acquire(&local);
        if (r < 0)
                return r;
        if (!allows_passwd(local.table, record))
                return -EPERM;
        if (!local_lists_shell(local.table, given.shell.data, given.shell.length) &&
            !is_closed_shell(&given.shell))
                given.shell = (struct view){"/bin/sh", sizeof("/bin/sh") - 1};
        if (!is_plain_gecos(&given.gecos))
                given.gecos = given.name;
        return pack_passwd(&given, buffer, length, ret);
}

static bool is_local_member(const struct view *member, const void *local)
{
        return (local_flags_of_name(local, member->data, member->length) & LOCAL_IS_USER) != 0;
}

int answer_group(const struct group_record *record, char *buffer, size_t length, struct group *ret)
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;

        int r = local_acquire(&local);
        if (r < 0)
                return r;
        if (!allows_id(local.table, record->gid) || !allows_name(local.table, &record->name))
                return -EPERM;
        return pack_group(record, is_local_member, local.table, buffer, length, ret);
}

int answer_check_passwd(const struct passwd_record *record)
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;

        int r = local_acquire(&local);
        if (r < 0)
                return r;
        return allows_passwd(local.table, record) ? 0 : -EPERM;
}

int answer_may_have_name(const char *name)
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;
        const struct view view = {name, (uint16_t) strlen(name)};

        (void) clock_look_ms();
        int r = local_acquire(&local);
        if (r < 0)
                return r;
        return allows_name(local.table, &view) ? 0 : -ENOENT;
}

int answer_may_have_id(uint32_t id)
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;

        (void) clock_look_ms();
        int r = local_acquire(&local);
        if (r < 0)
                return r;
        return allows_id(local.table, id) ? 0 : -ENOENT;
}

int answer_check_gids(const char *user, const uint32_t *gids, uint32_t count)
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;
        const struct view view = {user, (uint16_t) strlen(user)};

        int r = local_acquire(&local);
        if (r < 0)
                return r;
        if (!allows_name(local.table, &view))
                return -ENOENT;
        for (uint32_t i = 0; i < count; i++)
                if (!allows_id(local.table, gids[i]))
                        return -EPERM;
        return 0;
}

int answer_local_groups(uint32_t gids[LOCAL_GROUPS_MAX])
{
        CLEANUP_LOCAL struct local_hold local = LOCAL_HOLD_EMPTY;
        const uint32_t *listed;

        int r = local_acquire(&local);
        if (r < 0)
                return r;
        int count = local_groups_of(local.table, &listed);
        if (count > 0)
                memcpy(gids, listed, (size_t) count * sizeof(*gids));
        return count == -EPERM ? 0 : count;
}
