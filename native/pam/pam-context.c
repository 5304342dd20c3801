/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron. */
#include "pam-context.h"

#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>

#include "text.h"

static void copy(const char *text, char *ret_clean, size_t size)
{
        /* A character more than fits, so that the last one is not cut in two before it is judged. */
        text_clean(text, strnlen(text, size + 3), ret_clean, size);
}

static void copy_item(pam_handle_t *pam, int type, char *ret_clean, size_t size)
{
        const void *value = NULL;

        copy(pam_get_item(pam, type, &value) == PAM_SUCCESS && value != NULL ? value : "", ret_clean, size);
}

/* Lines of printable ASCII, bounded: all that sshd writes. */
static const char *auth_info_of(pam_handle_t *pam)
{
        const char *text = pam_getenv(pam, "SSH_AUTH_INFO_0");
        size_t length = text == NULL ? 0 : strnlen(text, AUTH_INFO_MAX + 1);

        if (length > AUTH_INFO_MAX)
                return "";
        for (size_t i = 0; i < length; i++)
                if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
                        return "";
        return text == NULL ? "" : text;
}

int pam_context_read(pam_handle_t *pam, struct pam_context *ret_context)
{
        const char *user = NULL;

        int r = pam_get_user(pam, &user, NULL);
        if (r != PAM_SUCCESS)
                return r;
        if (user == NULL || user[0] == '\0')
                return PAM_USER_UNKNOWN;
        copy(user, ret_context->user, sizeof(ret_context->user));
        copy_item(pam, PAM_SERVICE, ret_context->service, sizeof(ret_context->service));
        copy_item(pam, PAM_TTY, ret_context->tty, sizeof(ret_context->tty));
        copy_item(pam, PAM_RHOST, ret_context->rhost, sizeof(ret_context->rhost));
        copy_item(pam, PAM_RUSER, ret_context->ruser, sizeof(ret_context->ruser));
        ret_context->auth_info = auth_info_of(pam);
        return PAM_SUCCESS;
}

int pam_context_write(struct writer *writer, const struct pam_context *context)
{
        const char *const names[] = {context->user, context->service, context->tty, context->rhost,
                                     context->ruser};
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++)
                r = write_str(writer, names[i]);
        return r;
}

bool pam_context_is_login(const struct pam_context *context)
{
        return strcmp(context->service, "systemd-user") != 0;
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
