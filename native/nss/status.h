/* SPDX-License-Identifier: Apache-2.0 */
/* The only place where our errors become NSS words. See nss(5) and glibc's manual, NSS Modules Interface. */
#pragma once

#include <errno.h>
#include <nss.h>

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
                /* ERANGE and EAGAIN have meanings of their own here; an outage is UNAVAIL. */
                return NSS_STATUS_UNAVAIL;
        }
}
