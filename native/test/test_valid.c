/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "valid.h"

static bool name(const char *text)
{
        return valid_name(text, strlen(text));
}

int main(void)
{
        /* never an id of the system, of a local user, of nobody, or "no id" */
        const uint32_t forbidden[] = {0, 1, 999, 1000, 65534, 65535, 4294967294, 4294967295};
        for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
                CHECK(!valid_id(forbidden[i]));
        CHECK(valid_id(65536) && valid_id(1879048192) && valid_id(4294967293));

        CHECK(name("alice") && name("a.b-c_d") && name("_x") && name("0a") && name("root2"));
        CHECK(!name("") && !name("root") && !name("123") && !name(".a") && !name("-a"));
        CHECK(!name("a b") && !name("a/b") && !name("a:b") && !name("a\nb") && !name("\xc3\xa4"));
        CHECK(name("abcdefghijklmnopqrstuvwxyz012345"));
        CHECK(!name("abcdefghijklmnopqrstuvwxyz0123456"));

        CHECK(valid_part("iam-alice", 9) && valid_part("abcdefghijklmnopqrstuvwxyz0123456", 33) &&
              !valid_part("..", 2) && !valid_part(".a", 2) && !valid_part("a/b", 3) && !valid_part("", 0));

        /* Whole words of eight bytes and what is left of them: each place, each byte. */
        char field[20];
        for (size_t at = 0; at < sizeof(field); at++)
                for (unsigned int byte = 0; byte < 256; byte++) {
                        memset(field, 'a', sizeof(field));
                        field[at] = (char) byte;
                        bool good = byte >= 0x20 && byte != 0x7f && byte != ':';
                        CHECK(valid_field(field, sizeof(field), sizeof(field)) == good);
                }
        CHECK(valid_field("/home/a", 7, 7) && !valid_field("/home/a", 7, 6));
        CHECK(!valid_field("a:b", 3, 10) && !valid_field("a\nb", 3, 10) && !valid_field("a\0b", 3, 10));
        return 0;
}
