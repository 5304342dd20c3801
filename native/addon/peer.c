/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into the resolver. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"

int peer_credentials(int fd, struct peer *ret_peer)
{
        struct ucred credentials;
        socklen_t length = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
                return -errno;
        *ret_peer = (struct peer){credentials.pid, credentials.uid, credentials.gid};
        return 0;
}

static int sealed_copy(const void *data, size_t length, int *ret_fd)
{
        CLEANUP_CLOSE int fd = memfd_create("iamlogin", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < length;) {
                ssize_t written = write(fd, (const char *) data + done, length - done);
                if (written < 0)
                        return -errno;
                done += (size_t) written;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int send_descriptor(int fd, const struct sockaddr_un *address, socklen_t address_length, int passed)
{
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message = {
                .msg_name = (void *) address,
                .msg_namelen = address_length,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };

        memset(&control, 0, sizeof(control));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &passed, sizeof(int));
        return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int datagram_send(const char *path, const void *data, size_t length)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t path_length = strlen(path);
        CLEANUP_CLOSE int fd = -1;
        CLEANUP_CLOSE int copy = -1;

        if (path_length == 0 || path_length >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, path_length);
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        socklen_t address_length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + path_length);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (sendto(fd, data, length, MSG_NOSIGNAL, (const struct sockaddr *) &address, address_length) >= 0)
                return 0;
        if (errno != EMSGSIZE && errno != ENOBUFS)
                return -errno;
        int r = sealed_copy(data, length, &copy);
        return r < 0 ? r : send_descriptor(fd, &address, address_length, copy);
}
