/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where our errors become NSS words. See nss(5) and glibc's manual, NSS Modules Interface. */
#pragma once

#include <errno.h>
#include <nss.h>
#include <stdbool.h>
#include <string.h>

/*
 * systemd-sysusers makes the accounts of the system by sysusers.d(5), which are root's to name. A name that
 * is found it takes for the account: the service of a package that was just unpacked would run as the person
 * of IAM who has that name, because the resolver learns of the file a moment later. So it is told of no name
 * of ours. Of ids it is, and its systemd 247 and 249 goes on after a lookup only if errno is 0 or ENOENT,
 * which an outage must be for them. Only this program: elsewhere ENOENT reads as "not found" (Postfix
 * bounces mail on it).
 */
static inline bool is_sysusers(void)
{
        return strcmp(program_invocation_short_name, "systemd-sysusers") == 0;
}

static inline enum nss_status to_nss_status(int r, int *errnop)
{
        if (r == 0)
                return NSS_STATUS_SUCCESS;

        *errnop = -r;
        switch (r) {
        case -ENOENT:
                return NSS_STATUS_NOTFOUND;
        case -ERANGE:
                return NSS_STATUS_TRYAGAIN; /* libc comes again with a larger buffer */
        default:
                if (is_sysusers())
                        *errnop = ENOENT;
                /* ERANGE and EAGAIN have meanings of their own here; an outage is UNAVAIL. */
                return NSS_STATUS_UNAVAIL;
        }
}
