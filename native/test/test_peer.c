/* SPDX-License-Identifier: Apache-2.0 */
/* The plain C of the addon: who the peer is, and datagrams of any size. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "peer.h"

static int bind_datagram(const char *path, size_t length)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        memcpy(address.sun_path, path, length);
        if (path[0] == '@')
                address.sun_path[0] = '\0';
        CHECK(bind(fd, (struct sockaddr *) &address,
                   (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length)) == 0);
        return fd;
}

static void knows_the_peer(void)
{
        struct peer peer;
        int pair[2];

        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        CHECK(peer_credentials(pair[0], &peer) == 0);
        CHECK(peer.pid == getpid() && peer.uid == getuid() && peer.gid == getgid());
        CHECK(peer_credentials(-1, &peer) == -EBADF);
        close(pair[0]);
        close(pair[1]);
}

static void sends_short_datagrams(void)
{
        char buffer[64];
        int fd = bind_datagram("@iamlogin-test-peer", 19);

        CHECK(datagram_send("@iamlogin-test-peer", "READY=1", 7) == 0);
        CHECK(recv(fd, buffer, sizeof(buffer), 0) == 7 && memcmp(buffer, "READY=1", 7) == 0);
        close(fd);
        CHECK(datagram_send("@iamlogin-test-peer", "READY=1", 7) == -ECONNREFUSED);
        CHECK(datagram_send("", "x", 1) == -ENAMETOOLONG);
}

/* journald's native protocol: what is too long comes as a sealed memfd. */
static void sends_long_ones_as_a_descriptor(void)
{
        const size_t length = 8 * 1024 * 1024;
        char *data = malloc(length);
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
        struct stat status;
        int passed;
        int fd = bind_datagram("@iamlogin-test-long", 19);

        CHECK(data != NULL);
        memset(data, 'x', length);
        CHECK(datagram_send("@iamlogin-test-long", data, length) == 0);
        CHECK(recvmsg(fd, &message, 0) == 0);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        CHECK(header != NULL && header->cmsg_type == SCM_RIGHTS);
        memcpy(&passed, CMSG_DATA(header), sizeof(passed));
        CHECK(fstat(passed, &status) == 0 && (size_t) status.st_size == length);
        CHECK(ftruncate(passed, 0) < 0);
        close(passed);
        close(fd);
        free(data);
}

int main(void)
{
        knows_the_peer();
        sends_short_datagrams();
        sends_long_ones_as_a_descriptor();
        return 0;
}
