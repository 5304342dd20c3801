/* SPDX-License-Identifier: Apache-2.0 */
#include "liar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { PAGE_NEXT = 16 }; /* offset of the low byte of `next` in a response to PASSWD_LIST */

void liar_say(struct liar *liar, const uint8_t *bytes, size_t length)
{
        CHECK(length <= sizeof(liar->answer));
        CHECK(pthread_mutex_lock(&liar->lock) == 0);
        memcpy(liar->answer, bytes, length);
        liar->length = length;
        CHECK(pthread_mutex_unlock(&liar->lock) == 0);
}

void liar_then(struct liar *liar, const uint8_t *bytes, size_t length)
{
        CHECK(length <= sizeof(liar->then));
        CHECK(pthread_mutex_lock(&liar->lock) == 0);
        memcpy(liar->then, bytes, length);
        liar->then_length = length;
        CHECK(pthread_mutex_unlock(&liar->lock) == 0);
}

size_t liar_asked(struct liar *liar, uint8_t *bytes, size_t max)
{
        CHECK(pthread_mutex_lock(&liar->lock) == 0);
        size_t length = liar->request_length < max ? liar->request_length : max;
        memcpy(bytes, liar->request, length);
        CHECK(pthread_mutex_unlock(&liar->lock) == 0);
        return length;
}

static void answer(struct liar *liar, int fd)
{
        static uint8_t bytes[sizeof(liar->answer)]; /* one thread serves */
        const struct timespec pause = {.tv_nsec = 20000000};
        static uint8_t request[sizeof(liar->request)];
        bool drip, endless;

        ssize_t asked = recv(fd, request, sizeof(request), 0);
        if (asked <= 0)
                return;
        CHECK(pthread_mutex_lock(&liar->lock) == 0);
        memcpy(liar->request, request, (size_t) asked);
        liar->request_length = (size_t) asked;
        size_t length = liar->length;
        memcpy(bytes, liar->answer, length);
        if (liar->then_length > 0) {
                memcpy(liar->answer, liar->then, liar->then_length);
                liar->length = liar->then_length;
                liar->then_length = 0;
        }
        drip = liar->drip;
        endless = liar->endless;
        if (liar->leads_on)
                liar->answer[PAGE_NEXT]++;
        const struct timespec delay = {.tv_sec = liar->delay_ms / 1000,
                                       .tv_nsec = liar->delay_ms % 1000 * 1000000L};
        CHECK(pthread_mutex_unlock(&liar->lock) == 0);
        nanosleep(&delay, NULL);
        do {
                for (size_t sent = 0; sent < length;) {
                        size_t size = drip ? 1 : length - sent;
                        ssize_t n = send(fd, bytes + sent, size, MSG_NOSIGNAL);
                        if (n <= 0)
                                return;
                        sent += (size_t) n;
                        if (drip)
                                nanosleep(&pause, NULL);
                }
        } while (endless && length > 0);
}

static void *serve(void *argument)
{
        struct liar *liar = argument;

        for (;;) {
                int fd = accept(liar->listener, NULL, NULL);
                if (fd < 0)
                        return NULL;
                atomic_fetch_add(&liar->count, 1);
                if (liar->silent && liar->held_count < 64) {
                        liar->held[liar->held_count++] = fd;
                        continue;
                }
                if (liar->hang_ups > 0) {
                        liar->hang_ups--;
                        close(fd);
                        continue;
                }
                answer(liar, fd);
                if (liar->hold && liar->held_count < 64)
                        liar->held[liar->held_count++] = fd;
                else
                        close(fd);
        }
}

void liar_start(struct liar *liar)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        memset(liar, 0, sizeof(*liar));
        CHECK(pthread_mutex_init(&liar->lock, NULL) == 0);
        strcpy(liar->folder, "/tmp/iamlogin-liar-XXXXXX");
        CHECK(mkdtemp(liar->folder) != NULL);
        CHECK(setenv("IAMLOGIN_RUNTIME_DIR", liar->folder, 1) == 0);
        /* Not the directory.db of the machine that tests run on. */
        CHECK(setenv("IAMLOGIN_STATE_DIR", liar->folder, 0) == 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/resolver.sock", liar->folder);
        liar->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(liar->listener >= 0);
        CHECK(bind(liar->listener, (struct sockaddr *) &address, sizeof(address)) == 0);
        CHECK(listen(liar->listener, 64) == 0);
        CHECK(pthread_create(&liar->thread, NULL, serve, liar) == 0);
}

void liar_stop(struct liar *liar)
{
        char path[128];

        shutdown(liar->listener, SHUT_RDWR);
        CHECK(pthread_join(liar->thread, NULL) == 0);
        close(liar->listener);
        for (size_t i = 0; i < liar->held_count; i++)
                close(liar->held[i]);
        snprintf(path, sizeof(path), "%s/resolver.sock", liar->folder);
        unlink(path);
        rmdir(liar->folder);
}
