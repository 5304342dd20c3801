/* SPDX-License-Identifier: Apache-2.0 */
/* Plain C behind the addon. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct peer {
        int32_t pid;
        uint32_t uid;
        uint32_t gid;
};

/* SO_PEERCRED of a connected unix socket. 0 or -errno. */
int peer_credentials(int fd, struct peer *ret_peer);

/*
 * One AF_UNIX datagram to path; a leading '@' is the abstract namespace. What is too long for a
 * datagram goes as a sealed memfd, as journald's native protocol wants it. 0 or -errno.
 */
int datagram_send(const char *path, const void *data, size_t length);

#ifdef __cplusplus
}
#endif
