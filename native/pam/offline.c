/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "offline.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "keys-file.h"

/* The record of the person; -ENOENT where there is none. */
static int find(struct keys_file *file, const char *user, uint32_t uid, struct known_keys *ret_keys)
{
        int r = keys_file_open(file);

        /* Without the file it can't be said that the person is not in it. */
        if (r < 0)
                return r == -ENOENT ? -ENODATA : r;
        r = keys_file_find(file, user, uid, ret_keys);
        return r == 0 && ret_keys->kind != KEYS_OF_PERSON ? -ENOENT : r;
}

const char *offline_refusal(const char *user, const struct host_person *person)
{
        CLEANUP_KEYS_FILE struct keys_file file = KEYS_FILE_EMPTY;
        struct known_keys keys;

        int r = find(&file, user, person->uid, &keys);
        bool requires_mfa = (file.flags & KEYS_FILE_REQUIRES_MFA) != 0;
        if (r == -ENOENT)
                return requires_mfa ? "no key and no MFA device was read of this person" : NULL;
        if (r < 0)
                return "no keys.db that can be read";
        if (keys.count > 0)
                return NULL;
        return requires_mfa ? "access.require_mfa, or no valid key, as read last"
                            : "no valid key, as read last";
}
