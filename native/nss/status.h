/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where our errors become NSS words. See nss(5) and glibc's manual, NSS Modules Interface. */
#pragma once

#include <errno.h>
#include <nss.h>
#include <stdbool.h>
#include <string.h>

/*
 * systemd-sysusers of systemd 247 and 249 makes an account only if errno is 0 or ENOENT after getpwnam(3);
 * a package installed while no resolver answers would go without. Only this program, which asks whether
 * root's own file may have the name: anywhere else ENOENT reads as "not found" (Postfix bounces mail on
 * it). The status stays UNAVAIL, so that libc goes on. Whom directory.db knows, it finds.
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
