/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron, and part of the key command. */
#include "outage.h"

#include <errno.h>
#include <string.h>

bool is_outage(int error)
{
        return error == -ECONNREFUSED || error == -ETIMEDOUT || error == -EAGAIN;
}

const char *explain_error(int error)
{
        switch (error) {
        case -ECONNREFUSED:
                return "no resolver listens (systemctl status iamlogind)";
        case -ETIMEDOUT:
                return "the resolver does not answer in time (systemctl status iamlogind)";
        case -EAGAIN:
                return "the resolver cannot say now (iamlogin status)";
        case -EPROTONOSUPPORT:
                return "the resolver speaks another version of the protocol: finish the upgrade "
                       "(systemctl restart iamlogind)";
        case -EACCES:
                return "the resolver does not answer this of this process: it must run as root, or be "
                       "sshd's key command";
        case -EPROTO:
                return "the resolver takes the request for malformed: the versions of iamlogin differ "
                       "(systemctl restart iamlogind)";
        case -EBADMSG:
                return "the resolver's answer is malformed or cut off (systemctl restart iamlogind)";
        case -ECONNRESET:
                return "the resolver closes the connection without an answer (systemctl status iamlogind)";
        default:
                return strerror(-error);
        }
}
