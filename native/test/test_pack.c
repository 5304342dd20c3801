/* SPDX-License-Identifier: Apache-2.0 */
/* Every buffer length from nothing to enough, at every alignment. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "pack.h"
#include "vector.h"

enum { HEADER = 8, SLACK = 16 };

static void packs_passwd(void)
{
        uint8_t bytes[1024];
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));
        struct reader reader = {bytes + HEADER, bytes + length};
        struct passwd_record record;
        CHECK(decode_passwd(&reader, &record) == 0);
        /* "alice" "*" "Alice" "/home/alice" "/bin/bash", each with its NUL */
        const size_t enough = 6 + 2 + 6 + 12 + 10;
        for (size_t room = 0; room <= enough; room++) {
                char *buffer = malloc(room + 1);
                struct passwd entry = {.pw_uid = 7};
                CHECK(buffer != NULL);
                int r = pack_passwd(&record, buffer, room, &entry);
                CHECK(room < enough ? r == -ERANGE && entry.pw_uid == 7 : r == 0);
                if (r == 0)
                        CHECK(strcmp(entry.pw_name, "alice") == 0 && strcmp(entry.pw_passwd, "*") == 0 &&
                              strcmp(entry.pw_gecos, "Alice") == 0 &&
                              strcmp(entry.pw_dir, "/home/alice") == 0 &&
                              strcmp(entry.pw_shell, "/bin/bash") == 0 && entry.pw_uid == 1950171475);
                free(buffer);
        }
}

static void packs_group(void)
{
        uint8_t bytes[1024];
        size_t length = read_vector("response-group", bytes, sizeof(bytes));
        struct reader reader = {bytes + HEADER, bytes + length};
        struct group_record record;

        CHECK(decode_group(&reader, &record) == 0);
        const size_t strings = 11 + 2 + 6 + 4;
        const size_t pointers = 3 * sizeof(char *);
        for (size_t skew = 0; skew < sizeof(char *); skew++)
                for (size_t room = 0; room <= strings + pointers + SLACK; room++) {
                        char *buffer = malloc(skew + room + 1);
                        struct group entry = {.gr_gid = 7};
                        CHECK(buffer != NULL);
                        int r = pack_group(&record, NULL, NULL, buffer + skew, room, &entry);
                        CHECK(r == 0 || (r == -ERANGE && entry.gr_gid == 7));
                        if (room < strings + pointers)
                                CHECK(r == -ERANGE);
                        if (room >= strings + pointers + sizeof(char *) - 1)
                                CHECK(r == 0);
                        if (r == 0)
                                CHECK(strcmp(entry.gr_mem[0], "alice") == 0 &&
                                      strcmp(entry.gr_mem[1], "bob") == 0 && entry.gr_mem[2] == NULL &&
                                      (uintptr_t) entry.gr_mem % sizeof(char *) == 0);
                        free(buffer);
                }
}

int main(void)
{
        packs_passwd();
        packs_group();
        return 0;
}
