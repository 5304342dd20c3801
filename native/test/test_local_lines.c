/* SPDX-License-Identifier: Apache-2.0 */
/* Our reader of passwd(5) and group(5): the shared vectors, and whatever libc makes of generated lines. */
#include "local-lines.h"

#include "escapes.h"
#include "libc_lines.h"

static char *exact(const char *bytes, size_t length)
{
        char *copy = malloc(length > 0 ? length : 1); /* ASan sees a read past its end */

        CHECK(copy != NULL);
        if (length > 0)
                memcpy(copy, bytes, length);
        return copy;
}

/* Takes NAME:ID[:ID] off the list of accounts; the name is escaped and may hold blanks. */
static void expect_account(const char **accounts, const struct local_entry *entry, enum local_kind kind)
{
        char ids[64], expected[TEXT_MAX], name[TEXT_MAX];

        if (kind == LOCAL_PASSWD)
                snprintf(ids, sizeof(ids), ":%u:%u", entry->id, entry->gid);
        else
                snprintf(ids, sizeof(ids), ":%u", entry->id);
        const char *colon = strchr(*accounts, ':');
        CHECK(colon != NULL);
        snprintf(expected, sizeof(expected), "%.*s", (int) (colon - *accounts), *accounts);
        size_t length = unescape(expected, name);
        CHECK(length == entry->name_length && memcmp(name, entry->name, length) == 0);
        CHECK(strncmp(colon, ids, strlen(ids)) == 0);
        *accounts = colon + strlen(ids);
        CHECK(**accounts == '\0' || **accounts == ' ');
        *accounts += **accounts == ' ';
}

static void holds_to_the_vectors(void)
{
        FILE *file = fopen(VECTORS "/local-lines.txt", "r");
        char line[2 * TEXT_MAX], bytes[TEXT_MAX];
        int count = 0;

        CHECK(file != NULL);
        while (fgets(line, sizeof(line), file) != NULL) {
                line[strcspn(line, "\n")] = '\0';
                if (line[0] == '#' || line[0] == '\0')
                        continue;
                char *rest = line;
                const char *kind_name = strsep(&rest, "\t"), *text = strsep(&rest, "\t"),
                           *accounts = strsep(&rest, "\t");
                CHECK(text != NULL && accounts != NULL);
                enum local_kind kind = strcmp(kind_name, "passwd") == 0 ? LOCAL_PASSWD : LOCAL_GROUP;
                size_t length = unescape(text, bytes);
                char *copy = exact(bytes, length);
                struct local_lines lines = {copy, copy + length, kind};
                struct local_entry entry;
                while (local_lines_next(&lines, &entry))
                        expect_account(&accounts, &entry, kind);
                CHECK(*accounts == '\0');
                compare_with_libc(copy, length, kind);
                free(copy);
                count++;
        }
        CHECK(count > 25);
        fclose(file);
}

static uint32_t next_random(uint32_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

/* Lines out of pieces that mean something, with any byte in between. */
static size_t generate(uint32_t *random, char *text)
{
        static const char *const pieces[] = {
                "\n",
                "\n",
                ":",
                ":",
                ":",
                ":x:",
                " ",
                "\t",
                "\v",
                "\f",
                "\r",
                "#",
                "+",
                "-",
                "alice",
                "root",
                "0",
                "5",
                "1000",
                "65536",
                "4294967295",
                "4294967296",
                "18446744073709551615",
                "18446744073709551616",
                "99999999999999999999999",
                "0x5",
                "/home/a",
                "\n:",
                ":5:6:",
                ",",
                "\xff",
                "a:x:1:2:::\n",
                " b:x:3:4\n",
                "g:x:5:a,b\n",
        };
        size_t length = 0, count = next_random(random) % 40;

        for (size_t i = 0; i < count; i++) {
                const char *piece = pieces[next_random(random) % (sizeof(pieces) / sizeof(pieces[0]))];
                char byte = (char) next_random(random);
                bool any = next_random(random) % 16 == 0;
                size_t size = any ? 1 : strlen(piece);
                memcpy(text + length, any ? &byte : piece, size);
                length += size;
        }
        return length;
}

static void reads_what_libc_reads(long count)
{
        uint32_t random = 0x10ca11;
        char text[TEXT_MAX];

        for (long i = 0; i < count; i++) {
                size_t length = generate(&random, text);
                char *copy = exact(text, length);
                compare_with_libc(copy, length, LOCAL_PASSWD);
                compare_with_libc(copy, length, LOCAL_GROUP);
                free(copy);
        }
}

static void knows_no_line_too_long(void)
{
        size_t size = 1 << 20;
        char *text = malloc(size);

        CHECK(text != NULL);
        memset(text, 'x', size);
        memcpy(text, "a:", 2);
        memcpy(text + size - 20, ":1000:1000:::\nb:x:7:8", 20);
        struct local_lines lines = {text, text + size, LOCAL_PASSWD};
        struct local_entry entry;
        CHECK(local_lines_next(&lines, &entry) && entry.name_length == 1 && entry.id == 1000);
        compare_with_libc(text, size, LOCAL_PASSWD);
        free(text);
}

int main(int argc, char **argv)
{
        holds_to_the_vectors();
        reads_what_libc_reads(argc > 1 ? atol(argv[1]) : 50000);
        knows_no_line_too_long();
        return 0;
}
