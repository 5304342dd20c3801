/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "home.h"

#include <fcntl.h>
#include <inttypes.h>
#include <security/pam_ext.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <syslog.h>

#include "host-facts.h"
#include "lookup.h"
#include "path.h"
#include "protocol.h"
#include "audit.h"

/* A name, a gecos, a home, a shell, each as long as protocol.h allows, and padding. */
enum { PASSWD_SIZE = 4096 };

static bool is_foreign(const struct statx *file, uid_t uid)
{
        return file->stx_uid != uid && file->stx_uid != 0;
}

/* Whether another uid owns the home, or the symbolic link to it. False where that can't be seen. */
static bool find_owner(const char *path, uid_t uid, uid_t *ret_owner)
{
        struct statx file;

        if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_UID, &file) < 0)
                return false;
        if (S_ISLNK(file.stx_mode) && !is_foreign(&file, uid) &&
            statx(AT_FDCWD, path, 0, STATX_TYPE | STATX_UID, &file) < 0)
                return false;
        *ret_owner = file.stx_uid;
        return is_foreign(&file, uid);
}

static void tell_refusal(pam_handle_t *pam, const struct pam_context *context, const struct passwd *user,
                         uid_t owner)
{
        struct host_person person;
        char why[IAMLOGIN_DIR_MAX + 64];
        const struct audit_event event = {.action = "login-refused",
                                          .rule = "the home belongs to another uid",
                                          .session = "",
                                          .why = why,
                                          .refused = true};

        (void) snprintf(why, sizeof(why), "%s belongs to uid %" PRIu32, user->pw_dir, (uint32_t) owner);
        audit_write(pam, context, host_find_person(context->user, &person) == 0 ? &person : NULL, &event);
        pam_syslog(pam, LOG_ERR,
                   "%s (uid %" PRIu32
                   ") is refused: %s: look at what it holds, then move it away, or give it "
                   "to this user: chown -hR %" PRIu32 ":%" PRIu32 " %s",
                   context->user, (uint32_t) user->pw_uid, why, (uint32_t) user->pw_uid,
                   (uint32_t) user->pw_gid, user->pw_dir);
        pam_error(pam,
                  "iamlogin: your home %s belongs to another user; ask whoever manages this host to move it "
                  "away.",
                  user->pw_dir);
}

int home_check(pam_handle_t *pam, const struct pam_context *context)
{
        char buffer[PASSWD_SIZE];
        struct passwd user;
        uid_t owner;

        if (lookup_passwd_by_name(context->user, buffer, sizeof(buffer), &user) < 0)
                return PAM_IGNORE;
        if (!find_owner(path_of(user.pw_dir, "IAMLOGIN_TEST_HOME"), user.pw_uid, &owner))
                return PAM_SUCCESS;
        tell_refusal(pam, context, &user, owner);
        return PAM_PERM_DENIED;
}
