/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. No logging, no signals, no exit. */
#include <errno.h>
#include <nss.h>
#include <pwd.h>

#include "answer.h"
#include "clock.h"
#include "listing.h"
#include "lookup.h"
#include "protocol.h"
#include "status.h"
#include "walk.h"

#define EXPORT __attribute__((visibility("default")))

/* libc calls setpwent, getpwent_r and endpwent under one lock of its own: see nss/getXXent_r.c. */
static struct walk walk = {.listing = LISTING_EMPTY};

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
        walk_clear(&walk);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_iamlogin_getpwent_r(struct passwd *pwd, char *buffer, size_t length, int *errnop)
{
        struct passwd_record record;
        struct reader entry;
        struct listing *listing = walk_enter(&walk);

        if (listing == NULL)
                return to_nss_status(-ECANCELED, errnop);
        int r;
        (void) clock_look_ms(); /* a list goes on for as long as its reader likes */
        do {
                r = listing_peek(listing, IAMLOGIN_OP_PASSWD_LIST, &entry);
                if (r == 0)
                        r = decode_passwd(&entry, &record);
                if (r < 0)
                        break;
                r = answer_passwd(&record, buffer, length, pwd);
                if (r == 0)
                        listing_advance(listing, &entry);
                if (r == -EPERM)
                        r = listing_pass(listing, &entry);
        } while (r == -EPERM);
        walk_leave(&walk);
        return to_nss_status(r, errnop);
}

enum nss_status _nss_iamlogin_endpwent(void)
{
        walk_clear(&walk);
        return NSS_STATUS_SUCCESS;
}

__attribute__((destructor)) static void close_walk(void)
{
        walk_close(&walk);
}
