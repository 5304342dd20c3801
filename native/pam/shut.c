/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "shut.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "keys-file.h"

const char *shut_rule(const char *user, const struct known_person *person)
{
        CLEANUP_KEYS_FILE struct keys_file file = KEYS_FILE_EMPTY;
        struct known_keys keys;

        if (keys_file_open(&file) < 0)
                return NULL;
        const uint64_t both = KEYS_FILE_HAS_FLAGS | KEYS_FILE_REQUIRES_MFA;
        bool requires_mfa = (file.flags & both) == both;
        int r = keys_file_find(&file, user, person->uid, &keys);
        if (r == 0 && keys.kind == KEYS_OF_PERSON && keys.count == 0)
                return requires_mfa ? "access.require_mfa, or no valid key, as read last"
                                    : "no valid key, as read last";
        /* Also where the record is damaged: an MFA device must be known of. */
        return r < 0 && requires_mfa ? "access.require_mfa" : NULL;
}
