/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who stands at the door, as PAM tells: what the other side may choose freely (a host name, a user name
 * that the client sends) is cleaned and cut here, so that no request is malformed by it.
 */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>

#define VISIT_NAME_SIZE 256 /* a host name has 253 characters at most: RFC 1035 */
#define VISIT_WORD_SIZE 64  /* a service, a terminal */
#define AUTH_INFO_MAX 12000 /* bytes: a key or certificate of FINGERPRINT_INPUT_MAX in base64 */

struct visit {
        char user[VISIT_NAME_SIZE];
        char service[VISIT_WORD_SIZE];
        char tty[VISIT_WORD_SIZE];
        char rhost[VISIT_NAME_SIZE];
        char ruser[VISIT_NAME_SIZE];
        /*
         * SSH_AUTH_INFO_0, which sshd sets from open_session on; empty where it is not what sshd writes.
         * Lives as long as the handle. Only while a session opens: later the PAM environment is the user's
         * (~/.pam_environment; pam_env(8)).
         */
        const char *auth_info;
};

struct options {
        bool offline_deny; /* offline=deny: nobody enters while the resolver does not answer */
        bool debug;
};

/* PAM_SUCCESS, or what pam_get_user(3) says. */
int visit_read(pam_handle_t *pam, struct visit *ret_visit);

/*
 * Whether somebody comes through a door at all: the user's own systemd manager is started by logind
 * for a session that was let in and reported already.
 */
bool visit_is_person(const struct visit *visit);

/* Unknown words are told and ignored: a typing error must not lock a host. */
struct options options_read(pam_handle_t *pam, int argc, const char **argv);
