/* SPDX-License-Identifier: Apache-2.0 */
/* Only what root listed, only what /etc/group has, never gid 0. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "local-groups.h"

static char folder[] = "/tmp/iamlogin-groups-XXXXXX";
static char list[64], groups[64];

static void write_file(const char *path, const char *text, mode_t mode)
{
        FILE *file = fopen(path, "w");

        CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, mode) == 0);
}

static uint32_t first_of(const char *text, uint32_t *ret_gid)
{
        uint32_t gids[LOCAL_GROUPS_MAX] = {0};

        write_file(list, text, 0644);
        uint32_t count = local_groups_read(gids);
        *ret_gid = gids[0];
        return count;
}

int main(void)
{
        uint32_t gids[LOCAL_GROUPS_MAX], gid;
        char many[4096] = "", line[64];

        if (geteuid() != 0) {
                puts("test_local_groups: not root: nothing was tried");
                return 0;
        }
        CHECK(mkdtemp(folder) != NULL);
        snprintf(list, sizeof(list), "%s/list", folder);
        snprintf(groups, sizeof(groups), "%s/group", folder);
        CHECK(setenv("IAMLOGIN_LOCAL_GROUPS", list, 1) == 0 && setenv("IAMLOGIN_GROUP_FILE", groups, 1) == 0);
        write_file(groups,
                   "root:x:0:\ndocker:x:998:admin\nbroken\nshort:x\nno:x:number:\nbig:x:99999999999:\nvideo:"
                   "x:44:\n",
                   0644);

        CHECK(first_of("docker\n", &gid) == 1 && gid == 998);
        CHECK(first_of("# docker\nvideo", &gid) == 1 && gid == 44);
        CHECK(first_of("docker\nvideo\nnosuch\n", &gid) == 2);
        CHECK(first_of("root\nbroken\nshort\nno\nbig\n", &gid) == 0);
        CHECK(first_of("dock\ndockerx\n\n", &gid) == 0);
        write_file(list, "docker\n", 0664);
        CHECK(local_groups_read(gids) == 0);
        write_file(list, "docker\n", 0644);
        CHECK(chown(list, 4242, 0) == 0 && local_groups_read(gids) == 0);
        CHECK(unlink(list) == 0 && symlink(groups, list) == 0 && local_groups_read(gids) == 0);
        CHECK(unlink(list) == 0);

        FILE *file = fopen(groups, "w");
        CHECK(file != NULL);
        for (int i = 0; i < 200; i++) {
                snprintf(line, sizeof(line), "g%d\n", i);
                strcat(many, line);
                fprintf(file, "g%d:x:%d:\n", i, 2000 + i);
        }
        fclose(file);
        CHECK(first_of(many, &gid) == LOCAL_GROUPS_MAX && gid == 2000);

        /* Last, for the absence is remembered for a second. */
        CHECK(unlink(list) == 0 && local_groups_read(gids) == 0 && local_groups_read(gids) == 0);
        return 0;
}
