/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The login as PAM describes it: what the other side may choose freely (a host name, a user name
 * that the client sends) is cleaned and cut here, so that no request is malformed by it.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

#define PAM_CONTEXT_NAME_SIZE 256 /* a host name has 253 characters at most: RFC 1035 */
#define PAM_CONTEXT_WORD_SIZE 64  /* a service, a terminal */
#define AUTH_INFO_MAX 12000       /* bytes: a key or certificate of FINGERPRINT_INPUT_MAX in base64 */

struct pam_context {
        char user[PAM_CONTEXT_NAME_SIZE];
        char service[PAM_CONTEXT_WORD_SIZE];
        char tty[PAM_CONTEXT_WORD_SIZE];
        char rhost[PAM_CONTEXT_NAME_SIZE];
        char ruser[PAM_CONTEXT_NAME_SIZE];
        /*
         * SSH_AUTH_INFO_0, which sshd sets from open_session on; empty where it is not what sshd writes.
         * Lives as long as the handle. Only while a session opens: later the PAM environment is the user's
         * (~/.pam_environment; pam_env(8)).
         */
        const char *auth_info;
};

struct options {
        bool offline_deny; /* offline=deny: refuse IAM users while the resolver does not answer */
        bool debug;
};

/* The five names, as the requests ACCOUNT and SESSION_* begin (protocol.h). 0 or -errno. */
int pam_context_write(struct writer *writer, const struct pam_context *context);

/* PAM_SUCCESS, or what pam_get_user(3) says. */
int pam_context_read(pam_handle_t *pam, struct pam_context *ret_context);

/*
 * Whether it is a login at all: the user's own systemd manager is started by logind
 * for a session that was let in and reported already.
 */
bool pam_context_is_login(const struct pam_context *context);

/* Unknown words are logged and ignored: a typing error must not lock a host. */
struct options options_read(pam_handle_t *pam, int argc, const char **argv);
