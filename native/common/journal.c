/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron, and part of the key command. */
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "path.h"

static void add(struct journal_entry *entry, const char *field, const char *value, size_t length)
{
        size_t name = strlen(field);

        if (length == 0)
                return;
        if (name + length + 2 > sizeof(entry->bytes) - entry->length) {
                entry->overflow = true;
                return;
        }
        char *at = entry->bytes + entry->length;
        for (size_t i = 0; i < name; i++)
                at[i] = field[i];
        at[name] = '=';
        for (size_t i = 0; i < length; i++) {
                unsigned char c = (unsigned char) value[i];
                at[name + 1 + i] = (char) (c < 0x20 || c == 0x7f ? ' ' : c);
        }
        at[name + 1 + length] = '\n';
        entry->length += name + length + 2;
}

void journal_add(struct journal_entry *entry, const char *field, const char *value)
{
        add(entry, field, value, strlen(value));
}

void journal_add_view(struct journal_entry *entry, const char *field, const struct view *value)
{
        add(entry, field, value->data, value->length);
}

void journal_begin(struct journal_entry *entry, const struct journal_head *head)
{
        journal_add(entry, "MESSAGE", head->message);
        journal_add(entry, "PRIORITY", head->is_refusal ? "4" : "6");
        journal_add(entry, "SYSLOG_IDENTIFIER", "iamlogin");
        journal_add(entry, "IAMLOGIN_UNREPORTED", "1");
        journal_add(entry, "IAMLOGIN_ACTION", head->action);
        journal_add(entry, "IAMLOGIN_USER", head->user);
}

void journal_add_key(struct journal_entry *entry, const struct fingerprint *key)
{
        char serial[21];

        journal_add(entry, "IAMLOGIN_KEY_FINGERPRINT", key->text);
        if (!key->is_certificate)
                return;
        (void) snprintf(serial, sizeof(serial), "%" PRIu64, key->serial);
        journal_add(entry, "IAMLOGIN_KEY_CERTIFICATE_ID", key->certificate_id);
        journal_add(entry, "IAMLOGIN_KEY_CERTIFICATE_SERIAL", serial);
}

/* Until the entry was taken, a tenth of a second at most, and the moment that the look-up needs. */
static void linger(int fd)
{
        const struct timespec pause = {.tv_nsec = 1000000}, look_up = {.tv_nsec = 20000000};
        int left = 0;

        for (int i = 0; i < 100 && ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0; i++)
                nanosleep(&pause, NULL);
        nanosleep(&look_up, NULL);
}

static int send_entry(const struct journal_entry *entry, bool is_last)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        CLEANUP_CLOSE int fd = -1;

        int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                              path_of("/run/systemd/journal/socket", "IAMLOGIN_JOURNAL_SOCKET"));
        if (length < 0 || (size_t) length >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        /* A journal that is full for a moment must not hold up a login for ever. */
        const struct timeval patience = {.tv_sec = 1};
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        /*
         * sudo and su run with the caller's real uid, which is what the kernel would say of the sender.
         * Root's they are, and journald takes only root's word without a resolver: the effective ids, as
         * unix(7) lets.
         */
        const struct ucred self = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(struct ucred))];
        } control = {.bytes = {0}};
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_CREDENTIALS;
        control.header.cmsg_len = CMSG_LEN(sizeof(self));
        memcpy(CMSG_DATA(&control.header), &self, sizeof(self));
        struct iovec part = {.iov_base = (char *) entry->bytes, .iov_len = entry->length};
        const struct msghdr message = {
                .msg_name = &address,
                .msg_namelen = sizeof(address),
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = sizeof(control.bytes),
        };
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0)
                return -errno;
        if (is_last)
                linger(fd);
        return 0;
}

int journal_send(const struct journal_entry *entry)
{
        return send_entry(entry, false);
}

int journal_send_last(const struct journal_entry *entry)
{
        return send_entry(entry, true);
}
