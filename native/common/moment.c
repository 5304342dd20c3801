/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into sshd, sudo, login, cron, and part of the key command. Keeps no descriptor. */
#include "moment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "cancel.h"
#include "cleanup.h"
#include "clock.h"
#include "path.h"

enum { DIGITS = 16, DIGIT_BITS = 4 };

/* As the kernel writes it: in lower case, with hyphens between. */
static int digit_of(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -EINVAL;
}

uint64_t moment_boot(void)
{
        DEFER_CANCEL;
        char text[DIGITS + 2]; /* two hyphens are among the first 16 digits */
        uint64_t boot = 0;
        CLEANUP_CLOSE int fd = open(path_of("/proc/sys/kernel/random/boot_id", "IAMLOGIN_BOOT_ID_FILE"),
                                    O_RDONLY | O_CLOEXEC);

        if (fd < 0 || read(fd, text, sizeof(text)) != (ssize_t) sizeof(text))
                return 0;
        for (size_t i = 0; i < sizeof(text); i++) {
                int digit = digit_of(text[i]);
                if (digit < 0 && text[i] != '-')
                        return 0;
                if (digit >= 0)
                        boot = boot << DIGIT_BITS | (uint64_t) digit;
        }
        return boot;
}

int moment_age(const struct moment *moment, int64_t *ret_age_ms)
{
        bool is_this_boot = moment->boot != 0 && moment->boot == moment_boot();
        int64_t now_ms = clock_ms(is_this_boot ? CLOCK_BOOTTIME : CLOCK_REALTIME), age_ms;

        /* The file may say anything. */
        if (__builtin_sub_overflow(now_ms, is_this_boot ? moment->boottime_ms : moment->wall_ms, &age_ms) ||
            age_ms < 0)
                return -ESTALE;
        *ret_age_ms = age_ms;
        return 0;
}
