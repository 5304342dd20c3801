/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. No logging, no signals, no exit, no globals. */
#include "wire.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "cancel.h"
#include "cleanup.h"
#include "path.h"
#include "protocol.h"

enum { HEADER = 8, NS_PER_MS = 1000000 };

void wire_reply_clear(struct wire_reply *reply)
{
        free(reply->frame);
        reply->frame = NULL;
}

static int64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

static int remaining_ms(int64_t deadline)
{
        int64_t left = deadline - now_ns();

        if (left <= 0)
                return 0;
        left = (left + NS_PER_MS - 1) / NS_PER_MS;
        return left > INT_MAX ? INT_MAX : (int) left;
}

static int await(int fd, short events, int64_t deadline)
{
        struct pollfd poller = {.fd = fd, .events = events};

        for (;;) {
                int left = remaining_ms(deadline);
                /* Also with no time left: what came while this process was stopped did come. */
                int r = poll(&poller, 1, left);
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (left == 0)
                        return -ETIMEDOUT;
        }
}

static int socket_address(struct sockaddr_un *ret_address)
{
        const char *folder = path_of(IAMLOGIN_RUNTIME_DIR, "IAMLOGIN_RUNTIME_DIR");
        int length;

        memset(ret_address, 0, sizeof(*ret_address));
        ret_address->sun_family = AF_UNIX;
        length = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/%s", folder,
                          IAMLOGIN_SOCKET_NAME);
        return length < 0 || (size_t) length >= sizeof(ret_address->sun_path) ? -ENAMETOOLONG : 0;
}

static int open_connection(int64_t deadline, int *ret_fd)
{
        /* The backlog is full for a moment: connect(2) of a unix socket has no other way to wait. */
        const struct timespec pause = {.tv_nsec = NS_PER_MS};
        struct sockaddr_un address;
        CLEANUP_CLOSE int fd = -1;

        int r = socket_address(&address);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        while (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0) {
                if (errno == ENOENT || errno == ECONNREFUSED)
                        return -ECONNREFUSED;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                if (remaining_ms(deadline) == 0)
                        return -ETIMEDOUT;
                nanosleep(&pause, NULL);
        }
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int send_all(int fd, const unsigned char *data, size_t length, int64_t deadline)
{
        while (length > 0) {
                ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
                if (sent < 0 && errno == EAGAIN) {
                        int r = await(fd, POLLOUT, deadline);
                        if (r < 0)
                                return r;
                } else if (sent < 0 && errno != EINTR) {
                        return -errno;
                } else if (sent > 0) {
                        data += sent;
                        length -= (size_t) sent;
                }
        }
        return 0;
}

/* -ECONNRESET: closed before the first byte; -EBADMSG: after it. */
static int receive_all(int fd, unsigned char *data, size_t length, int64_t deadline)
{
        const unsigned char *start = data;

        while (length > 0) {
                ssize_t got = recv(fd, data, length, 0);
                if (got == 0)
                        return data == start ? -ECONNRESET : -EBADMSG;
                if (got < 0 && errno == EAGAIN) {
                        int r = await(fd, POLLIN, deadline);
                        if (r < 0)
                                return r;
                } else if (got < 0 && errno != EINTR) {
                        return -errno;
                } else if (got > 0) {
                        data += got;
                        length -= (size_t) got;
                        /* A peer that drips bytes must not outlast the deadline. */
                        if (length > 0 && remaining_ms(deadline) == 0)
                                return -ETIMEDOUT;
                }
        }
        return 0;
}

static int status_to_errno(uint8_t status)
{
        switch (status) {
        case IAMLOGIN_STATUS_SUCCESS:
                return 0;
        case IAMLOGIN_STATUS_NOTFOUND:
                return -ENOENT;
        case IAMLOGIN_STATUS_DENIED:
                return -EACCES;
        case IAMLOGIN_STATUS_BAD_REQUEST:
                return -EPROTO;
        default:
                return -EAGAIN;
        }
}

/* How long a call may wait. */
struct patience {
        int64_t deadline;   /* of the whole call */
        int64_t silence_ns; /* at the door: for a sign of life; else 0 */
};

/*
 * Until when the next bytes must come. At the door counted from now on, whatever time the call has left:
 * who may stop su for a while must not turn a refusal into a time-out.
 */
static int64_t next_sign(const struct patience *patience)
{
        return patience->silence_ns == 0 ? patience->deadline : now_ns() + patience->silence_ns;
}

/* The header of the response, after the signs of life before it. */
static int receive_header(int fd, uint8_t opcode, const struct patience *patience,
                          unsigned char header[HEADER], uint32_t *ret_length)
{
        for (;;) {
                struct reader reader = {header, header + HEADER};
                uint32_t length;

                int r = receive_all(fd, header, HEADER, next_sign(patience));
                if (r < 0)
                        return r;
                r = read_u32(&reader, &length);
                if (r < 0)
                        return r;
                if (length < 4 || length > IAMLOGIN_RESPONSE_MAX)
                        return -EBADMSG;
                if (header[4] != IAMLOGIN_WIRE_VERSION)
                        return -EPROTONOSUPPORT;
                if (header[5] != opcode)
                        return -EBADMSG;
                *ret_length = length;
                if (patience->silence_ns == 0 || header[6] != IAMLOGIN_STATUS_PENDING)
                        return 0;
                if (length != 4)
                        return -EBADMSG;
                if (remaining_ms(patience->deadline) == 0)
                        return -ETIMEDOUT;
        }
}

static int receive_reply(int fd, uint8_t opcode, const struct patience *patience,
                         struct wire_reply *ret_reply)
{
        unsigned char header[HEADER];
        CLEANUP_FREE unsigned char *frame = NULL;
        uint32_t length = 0;

        int r = receive_header(fd, opcode, patience, header, &length);
        if (r == 0)
                r = status_to_errno(header[6]);
        if (r < 0)
                return r;
        frame = malloc(length);
        if (frame == NULL)
                return -ENOMEM;
        r = receive_all(fd, frame, length - 4, next_sign(patience));
        if (r < 0)
                return r == -ECONNRESET ? -EBADMSG : r;
        ret_reply->payload = (struct reader){frame, frame + (length - 4)};
        ret_reply->flags = header[7];
        ret_reply->frame = frame;
        frame = NULL;
        return 0;
}

static int exchange(uint8_t opcode, const unsigned char *request, size_t length,
                    const struct patience *patience, struct wire_reply *ret_reply)
{
        int64_t sign = next_sign(patience);
        CLEANUP_CLOSE int fd = -1;

        int r = open_connection(sign, &fd);
        if (r == 0)
                r = send_all(fd, request, length, sign);
        if (r == 0)
                r = receive_reply(fd, opcode, patience, ret_reply);
        return r == -EPIPE ? -ECONNRESET : r;
}

/*
 * A resolver that ended with the request in its hands: the next one answers, or none listens. A process
 * that ends closes its connections in no promised order: for a moment its listening socket still takes
 * new ones.
 */
static int ask_the_next(uint8_t opcode, const unsigned char *request, size_t length,
                        const struct patience *patience, struct wire_reply *ret_reply)
{
        const struct timespec pause = {.tv_nsec = 10L * NS_PER_MS};
        const int64_t end = now_ns() + patience->silence_ns;

        for (;;) {
                int r = exchange(opcode, request, length, patience, ret_reply);
                if (r != -ECONNRESET || remaining_ms(end) == 0 || remaining_ms(patience->deadline) == 0)
                        return r;
                nanosleep(&pause, NULL);
        }
}

int wire_call(uint8_t opcode, const void *payload, size_t length, int timeout_ms,
              struct wire_reply *ret_reply)
{
        DEFER_CANCEL;
        int silence_ms = timeout_ms < IAMLOGIN_SILENCE_MS ? timeout_ms : IAMLOGIN_SILENCE_MS;
        bool is_door = opcode >= IAMLOGIN_DOOR_OP;
        const struct patience patience = {.deadline = now_ns() + (int64_t) timeout_ms * NS_PER_MS,
                                          .silence_ns = is_door ? (int64_t) silence_ms * NS_PER_MS : 0};
        /* A lookup fits here; the thread that asks may have a small stack. */
        unsigned char small[HEADER + 64];
        CLEANUP_FREE unsigned char *large = NULL;
        unsigned char *request = small;
        int errno_before = errno;

        /* The resolver's own lookups would wait for themselves. */
        if (secure_getenv(IAMLOGIN_SELF_ENV) != NULL)
                return -ECONNREFUSED;
        if (length > IAMLOGIN_REQUEST_MAX - 4)
                return -EMSGSIZE;
        if (HEADER + length > sizeof(small)) {
                request = large = malloc(HEADER + length);
                if (large == NULL)
                        return -ENOMEM;
        }
        struct writer writer = {request, request + HEADER};
        int r = write_u32(&writer, (uint32_t) length + 4);
        if (r == 0)
                r = write_u32(&writer, IAMLOGIN_WIRE_VERSION | (uint32_t) opcode << 8);
        if (r == 0 && length > 0)
                memcpy(request + HEADER, payload, length);
        if (r == 0)
                r = exchange(opcode, request, HEADER + length, &patience, ret_reply);
        if (r == -ECONNRESET && is_door)
                r = ask_the_next(opcode, request, HEADER + length, &patience, ret_reply);
        errno = errno_before;
        return r;
}
