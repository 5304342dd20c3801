/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "visit.h"

#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>

#include "fingerprint.h"

static const char *item(pam_handle_t *pam, int type)
{
        const void *value = NULL;

        return pam_get_item(pam, type, &value) == PAM_SUCCESS && value != NULL ? value : "";
}

int visit_read(pam_handle_t *pam, struct visit *ret_visit)
{
        const char *user = NULL;

        int r = pam_get_user(pam, &user, NULL);
        if (r != PAM_SUCCESS)
                return r;
        if (user == NULL || user[0] == '\0')
                return PAM_USER_UNKNOWN;
        const char *auth_info = pam_getenv(pam, "SSH_AUTH_INFO_0");
        if (auth_info == NULL || strlen(auth_info) > FINGERPRINT_INPUT_MAX)
                auth_info = "";
        *ret_visit = (struct visit){.user = user,
                                    .service = item(pam, PAM_SERVICE),
                                    .tty = item(pam, PAM_TTY),
                                    .rhost = item(pam, PAM_RHOST),
                                    .ruser = item(pam, PAM_RUSER),
                                    .auth_info = auth_info};
        return PAM_SUCCESS;
}

bool visit_is_person(const struct visit *visit)
{
        return strcmp(visit->service, "systemd-user") != 0;
}

struct options options_read(pam_handle_t *pam, int argc, const char **argv)
{
        struct options options = {false, false};

        for (int i = 0; i < argc; i++) {
                if (strcmp(argv[i], "offline=deny") == 0)
                        options.offline_deny = true;
                else if (strcmp(argv[i], "offline=allow") == 0)
                        options.offline_deny = false;
                else if (strcmp(argv[i], "debug") == 0)
                        options.debug = true;
                else
                        pam_syslog(pam, LOG_WARNING,
                                   "unknown option \"%s\" is ignored; known are offline=allow, offline=deny, "
                                   "debug",
                                   argv[i]);
        }
        return options;
}
