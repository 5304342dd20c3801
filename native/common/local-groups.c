/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user's groups. Reads two files of root's; asks nobody. */
#include "local-groups.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cancel.h"
#include "cleanup.h"
#include "clock.h"
#include "decimal.h"
#include "place.h"
#include "root-list.h"

uint32_t local_groups_read(uint32_t gids[LOCAL_GROUPS_MAX])
{
        DEFER_CANCEL;
        /* Most hosts have no list: a process looks for one once a second. */
        static atomic_llong absent_until_ms;
        CLEANUP_FREE char *line = NULL;
        char list[ROOT_LIST_MAX];
        size_t size = 0;
        uint32_t count = 0;

        if (clock_ms(CLOCK_MONOTONIC_COARSE) < atomic_load(&absent_until_ms))
                return 0;
        int r = root_list_read(ROOT_LIST_LOCAL_GROUPS, list);
        if (r == -ENOENT)
                atomic_store(&absent_until_ms, clock_ms(CLOCK_MONOTONIC_COARSE) + 1000);
        if (r < 0)
                return 0;
        FILE *file = fopen(place_of("/etc/group", "IAMLOGIN_GROUP_FILE"), "re");
        if (file == NULL)
                return 0;
        while (count < LOCAL_GROUPS_MAX && getline(&line, &size, file) > 0) {
                const char *name_end = strchr(line, ':');
                const char *password_end = name_end == NULL ? NULL : strchr(name_end + 1, ':');
                uint32_t gid;
                if (password_end == NULL || name_end == line || line[0] == '#' ||
                    !root_list_has(list, line, (size_t) (name_end - line)))
                        continue;
                const char *at = password_end + 1;
                if (decimal_read_id_as_libc(&at, at + strlen(at), &gid) == 0 && *at == ':' && gid > 0 &&
                    gid < UINT32_MAX)
                        gids[count++] = gid;
        }
        fclose(file);
        return count;
}
