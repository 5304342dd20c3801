/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. No logging, no signals, no exit. */
#include <errno.h>
#include <nss.h>
#include <pwd.h>

#include "answer.h"
#include "lookup.h"
#include "protocol.h"
#include "status.h"
#include "getent.h"

#define EXPORT __attribute__((visibility("default")))

/* libc calls setpwent, getpwent_r and endpwent under one lock of its own: see nss/getXXent_r.c. */
static struct getent getent = {.enumeration = ENUMERATION_EMPTY};

EXPORT enum nss_status _nss_iamlogin_getpwnam_r(const char *name, struct passwd *pwd, char *buffer,
                                                size_t length, int *errnop);
EXPORT enum nss_status _nss_iamlogin_getpwuid_r(uid_t uid, struct passwd *pwd, char *buffer, size_t length,
                                                int *errnop);
EXPORT enum nss_status _nss_iamlogin_setpwent(int stayopen);
EXPORT enum nss_status _nss_iamlogin_getpwent_r(struct passwd *pwd, char *buffer, size_t length, int *errnop);
EXPORT enum nss_status _nss_iamlogin_endpwent(void);

enum nss_status _nss_iamlogin_getpwnam_r(const char *name, struct passwd *pwd, char *buffer, size_t length,
                                         int *errnop)
{
        return to_nss_status(is_sysusers() ? -ENOENT : lookup_passwd_by_name(name, buffer, length, pwd),
                             errnop);
}

enum nss_status _nss_iamlogin_getpwuid_r(uid_t uid, struct passwd *pwd, char *buffer, size_t length,
                                         int *errnop)
{
        return to_nss_status(lookup_passwd_by_uid(uid, buffer, length, pwd), errnop);
}

enum nss_status _nss_iamlogin_setpwent(int stayopen)
{
        (void) stayopen;
        getent_clear(&getent);
        return NSS_STATUS_SUCCESS;
}

struct passwd_result {
        struct passwd *pwd;
        char *buffer;
        size_t length;
};

static int give_passwd(struct reader *entry, void *result)
{
        const struct passwd_result *to = result;
        struct passwd_record record;

        int r = decode_passwd(entry, &record);
        /* Any error of a record ends the list: -EPERM is the host's own. */
        if (r < 0)
                return r == -EPERM ? -EBADMSG : r;
        return answer_passwd(&record, to->buffer, to->length, to->pwd);
}

enum nss_status _nss_iamlogin_getpwent_r(struct passwd *pwd, char *buffer, size_t length, int *errnop)
{
        struct passwd_result result = {pwd, buffer, length};

        return to_nss_status(getent_next(&getent, IAMLOGIN_OP_PASSWD_LIST, give_passwd, &result), errnop);
}

enum nss_status _nss_iamlogin_endpwent(void)
{
        getent_clear(&getent);
        return NSS_STATUS_SUCCESS;
}

__attribute__((destructor)) static void close_getent(void)
{
        getent_close(&getent);
}
