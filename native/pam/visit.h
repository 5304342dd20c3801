/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands at the door, as PAM tells: strings that live as long as the handle, never NULL. */
#pragma once

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stddef.h>

struct visit {
        const char *user;
        const char *service;
        const char *tty;
        const char *rhost;
        const char *ruser;
        const char *auth_info; /* SSH_AUTH_INFO_0; sshd sets it from open_session on */
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
