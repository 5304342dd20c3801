/* SPDX-License-Identifier: Apache-2.0 */
/* Root's list local-groups: only what it names, only what /etc/group has, never gid 0. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "check.h"
#include "clock.h"
#include "host.h"

static char list[128];

static int read_groups(uint32_t gids[LOCAL_GROUPS_MAX])
{
        memset(gids, 0, LOCAL_GROUPS_MAX * sizeof(*gids));
        host_pass_time(1000);
        (void) clock_look_ms();
        return answer_local_groups(gids);
}

static int first_of(const char *text, uint32_t *ret_gid)
{
        uint32_t gids[LOCAL_GROUPS_MAX];

        host_write_text("root.d/local-groups", text);
        int count = read_groups(gids);
        *ret_gid = gids[0];
        return count;
}

static void gives_what_root_listed(void)
{
        uint32_t gid;

        host_write_text("group",
                        "root:x:0:\ndocker:x:998:admin\nbroken\nshort:x\nno:x:number:\nbig:x:99999999999:\n"
                        "  video:x:44:\nnegative:x:-1:\n");
        CHECK(first_of("docker\n", &gid) == 1 && gid == 998);
        CHECK(first_of("# docker\nvideo", &gid) == 1 && gid == 44);
        CHECK(first_of("docker\nvideo\nnosuch\n", &gid) == 2);
        CHECK(first_of("root\nbroken\nshort\nno\nbig\nnegative\n", &gid) == 0);
        CHECK(first_of("dock\ndockerx\n\n", &gid) == 0);
}

static void takes_nobody_elses_list(void)
{
        uint32_t gids[LOCAL_GROUPS_MAX], gid;
        char group[128];

        CHECK(first_of("docker\n", &gid) == 1);
        CHECK(chmod(list, 0664) == 0 && read_groups(gids) == 0);
        CHECK(chmod(list, 0644) == 0 && read_groups(gids) == 1);
        CHECK(chown(list, 4242, 0) == 0 && read_groups(gids) == 0);
        snprintf(group, sizeof(group), "%s/group", host_folder());
        CHECK(unlink(list) == 0 && symlink(group, list) == 0 && read_groups(gids) == 0);
        CHECK(unlink(list) == 0 && read_groups(gids) == 0);
        CHECK(mkdir(list, 0755) == 0 && read_groups(gids) == 0 && rmdir(list) == 0);
}

static void bounds_their_number(void)
{
        char names[4096] = "", groups[8192] = "", line[64];
        uint32_t gid;

        for (int i = 0; i < 200; i++) {
                snprintf(line, sizeof(line), "g%d\n", i);
                strcat(names, line);
                snprintf(line, sizeof(line), "g%d:x:%d:\n", i, 2000 + i);
                strcat(groups, line);
        }
        host_write_text("group", groups);
        CHECK(first_of(names, &gid) == LOCAL_GROUPS_MAX && gid == 2000);
}

int main(void)
{
        if (geteuid() != 0) {
                puts("test_local_groups: not root: nothing was tried");
                return 0;
        }
        host_start();
        snprintf(list, sizeof(list), "%s/root.d/local-groups", host_folder());
        gives_what_root_listed();
        takes_nobody_elses_list();
        bounds_their_number();
        host_stop();
        return 0;
}
