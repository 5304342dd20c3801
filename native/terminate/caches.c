/* SPDX-License-Identifier: Apache-2.0 */
/* Part of iamlogin-terminate, which runs as root. */
#include "caches.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"

/* glibc's nscd/nscd-client.h: the version of the protocol has been 2 since 2002; unscd speaks it too. */
enum { NSCD_VERSION = 2, NSCD_INVALIDATE = 10, NSCD_SECONDS = 3 };

struct nscd_request {
        int32_t version;
        int32_t type;
        int32_t key_len; /* with the NUL */
};

/* 1 connected, 0 no daemon listens, -errno. */
static int connect_nscd(int *ret_fd)
{
        const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/var/run/nscd/socket"};
        const struct timeval patience = {.tv_sec = NSCD_SECONDS};
        CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        /* SO_SNDTIMEO bounds connect(2) as well, where the backlog of a hung nscd is full. */
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return errno == ENOENT || errno == ECONNREFUSED ? 0 : -errno;
        *ret_fd = fd;
        fd = -1;
        return 1;
}

static int invalidate(const char *database)
{
        struct {
                struct nscd_request request;
                char key[8];
        } message = {.request = {.version = NSCD_VERSION, .type = NSCD_INVALIDATE}};
        size_t length = strlen(database) + 1;
        CLEANUP_CLOSE int fd = -1;
        int32_t answer = 0;

        if (length > sizeof(message.key))
                return -EINVAL;
        memcpy(message.key, database, length);
        message.request.key_len = (int32_t) length;
        int r = connect_nscd(&fd);
        if (r <= 0)
                return r;
        size_t size = offsetof(__typeof__(message), key) + length;
        ssize_t sent = send(fd, &message, size, MSG_NOSIGNAL);
        if (sent != (ssize_t) size)
                return sent < 0 ? -errno : -EIO;
        /* It answers when the database is empty. An older one, and unscd, only close the connection. */
        ssize_t got = recv(fd, &answer, sizeof(answer), MSG_WAITALL);
        if (got < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        return answer == 0 ? 1 : -EPROTO;
}

int caches_empty_nscd(void)
{
        /* nscd keeps initgroups among the groups. */
        int group = invalidate("group");
        int passwd = invalidate("passwd");

        if (group < 0)
                return group;
        return passwd < 0 ? passwd : group | passwd;
}
