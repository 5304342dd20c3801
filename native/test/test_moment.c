/* SPDX-License-Identifier: Apache-2.0 */
/* Ages that no step of the wall clock stretches, of moments that a file tells: any bytes. */
#include "moment.h"

#include <errno.h>
#include <stdbool.h>

#include "check.h"
#include "clock.h"
#include "host.h"

static const int64_t day = 86400000;

/* Nothing in a test takes this long. */
enum { A_WHILE = 60000 };

static bool is_about(const struct moment *moment, int64_t expected_ms)
{
        int64_t age_ms;

        return moment_age(moment, &age_ms) == 0 && age_ms >= expected_ms && age_ms < expected_ms + A_WHILE;
}

static struct moment now_in(uint64_t boot)
{
        return (struct moment){clock_ms(CLOCK_REALTIME), clock_ms(CLOCK_BOOTTIME), boot};
}

static void reads_the_boot(void)
{
        static const char *const damaged[] = {"", "0123abcd-4567-89e", "0123abcd-4567-89EF-8000\n",
                                              "0123abcd_4567_89ef_8000\n"};

        CHECK(moment_boot() == HOST_BOOT);
        for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
                host_write_text("boot_id", damaged[i]);
                CHECK(moment_boot() == 0);
        }
        host_remove("boot_id");
        CHECK(moment_boot() == 0);
        host_write_text("boot_id", "0123abcd-4567-89ef-8000-000000000000\n");
}

static void goes_on_when_the_wall_clock_is_set(void)
{
        struct moment moment = now_in(HOST_BOOT);

        host_pass_time(5 * A_WHILE);
        CHECK(is_about(&moment, 5 * A_WHILE));
        host_step_wall_clock(-day);
        CHECK(is_about(&moment, 5 * A_WHILE));
        host_pass_time(5 * A_WHILE);
        CHECK(is_about(&moment, 10 * A_WHILE));
        host_step_wall_clock(2 * day);
        CHECK(is_about(&moment, 10 * A_WHILE));
        host_step_wall_clock(-day);
        moment.boottime_ms -= day; /* before this boot, as a negative boottime says */
        CHECK(is_about(&moment, day + 10 * A_WHILE));
}

static void goes_by_the_wall_clock_in_another_boot(void)
{
        const uint64_t boots[] = {HOST_BOOT + 1, 0};
        int64_t age_ms;

        for (size_t i = 0; i < 2; i++) {
                struct moment moment = now_in(boots[i]);
                moment.boottime_ms = INT64_MAX;
                host_pass_time(A_WHILE);
                CHECK(is_about(&moment, A_WHILE));
                host_step_wall_clock(-day);
                CHECK(moment_age(&moment, &age_ms) == -ESTALE);
                host_step_wall_clock(day);
                CHECK(is_about(&moment, A_WHILE));
        }
}

static void goes_by_the_wall_clock_where_the_boot_cannot_be_read(void)
{
        struct moment moment = now_in(0);

        host_remove("boot_id");
        CHECK(is_about(&moment, 0)); /* 0 and 0 are not one boot */
        moment.boot = HOST_BOOT;
        moment.boottime_ms -= day;
        CHECK(is_about(&moment, 0));
        host_write_text("boot_id", "0123abcd-4567-89ef-8000-000000000000\n");
        CHECK(is_about(&moment, day));
}

static void believes_no_moment_that_cannot_be(void)
{
        const int64_t times[] = {INT64_MIN, INT64_MAX};
        int64_t age_ms;

        for (size_t i = 0; i < 2; i++) {
                struct moment moment = {.wall_ms = times[i], .boot = HOST_BOOT + 1};
                CHECK(moment_age(&moment, &age_ms) == -ESTALE);
                moment = (struct moment){.boottime_ms = times[i], .boot = HOST_BOOT};
                CHECK(moment_age(&moment, &age_ms) == -ESTALE);
        }
        struct moment ahead = now_in(HOST_BOOT);
        ahead.boottime_ms += A_WHILE;
        CHECK(moment_age(&ahead, &age_ms) == -ESTALE);
}

int main(void)
{
        host_start();
        reads_the_boot();
        goes_on_when_the_wall_clock_is_set();
        goes_by_the_wall_clock_in_another_boot();
        goes_by_the_wall_clock_where_the_boot_cannot_be_read();
        believes_no_moment_that_cannot_be();
        host_stop();
        return 0;
}
