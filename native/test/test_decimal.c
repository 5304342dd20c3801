/* SPDX-License-Identifier: Apache-2.0 */
#include "decimal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* In memory of its own size, so that a byte read past the end is one that AddressSanitizer sees. */
static char *exact(const char *text)
{
        size_t length = strlen(text);
        char *copy = malloc(length > 0 ? length : 1);

        CHECK(copy != NULL);
        if (length > 0)
                memcpy(copy, text, length);
        return copy;
}

static int whole(const char *text, uint32_t *ret_value)
{
        char *copy = exact(text);

        int r = decimal_u32(copy, strlen(text), ret_value);
        free(copy);
        return r;
}

static void test_u32(void)
{
        static const struct {
                const char *text;
                int r;
                uint32_t value;
        } cases[] = {
                {"0", 0, 0},
                {"00012", 0, 12},
                {"1879048192", 0, 1879048192},
                {"4294967295", 0, UINT32_MAX},
                {"4294967296", -ERANGE, 7},
                {"18446744073709551615", -ERANGE, 7},
                {"18446744073709551616", -ERANGE, 7},
                {"99999999999999999999999999999999", -ERANGE, 7},
                {"", -EINVAL, 7},
                {"-1", -EINVAL, 7},
                {"+1", -EINVAL, 7},
                {" 1", -EINVAL, 7},
                {"1 ", -EINVAL, 7},
                {"1\n", -EINVAL, 7},
                {"0x10", -EINVAL, 7},
                {"0b1", -EINVAL, 7}, /* a number to C23's strtoul(3) */
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint32_t value = 7;
                CHECK(whole(cases[i].text, &value) == cases[i].r);
                CHECK(value == cases[i].value);
        }
}

static void test_read_u64(void)
{
        const char *text = "18446744073709551615-2", *at = text, *end = text + strlen(text);
        uint64_t value = 7;

        CHECK(decimal_read_u64(&at, end, &value) == 0 && value == UINT64_MAX && *at == '-');
        CHECK(decimal_read_u64(&at, end, &value) == -EINVAL && *at == '-' && value == UINT64_MAX);
        at++;
        CHECK(decimal_read_u64(&at, end, &value) == 0 && value == 2 && at == end);
        CHECK(decimal_read_u64(&at, end, &value) == -EINVAL && at == end);
}

/* glibc's own reading is the measure. strtoul(3) is in this test alone. */
static uint32_t by_libc(const char *text, size_t *ret_length)
{
        char *end = NULL;
        unsigned long value = strtoul(text, &end, 10);

        *ret_length = (size_t) (end - text);
        return value > UINT32_MAX ? UINT32_MAX : (uint32_t) value;
}

static void compare_with_libc(const char *text)
{
        char *copy = exact(text);
        const char *at = copy;
        uint32_t value = 7;
        size_t length = 0;

        uint32_t expected = by_libc(text, &length);
        int r = decimal_read_id_as_libc(&at, copy + strlen(text), &value);
        CHECK(r == (length > 0 ? 0 : -EINVAL));
        CHECK((size_t) (at - copy) == length);
        CHECK(value == (length > 0 ? expected : 7));
        free(copy);
}

static void test_as_libc(void)
{
        static const char *const cases[] = {
                "",
                "0",
                "1000:",
                " 1000:",
                "\t\n\v\f\r 5:",
                "+5",
                "-5",
                "-0",
                "-",
                "+",
                "+-5",
                "- 5",
                "x",
                ":",
                "5x5",
                "4294967295",
                "007",
                "--",
                "4294967296",
                "-4294967295",
                "18446744073709551615",
                "18446744073709551616:",
                "-18446744073709551615",
                "-18446744073709551616",
                "999999999999999999999999999999:",
        };
        static const char alphabet[] = "019 -+\t:x";

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                compare_with_libc(cases[i]);
        /* Every text of up to five of these. */
        size_t letters = strlen(alphabet);
        for (size_t length = 1, count = letters; length <= 5; length++, count *= letters)
                for (size_t i = 0; i < count; i++) {
                        char text[6] = "";
                        size_t left = i;
                        for (size_t at = 0; at < length; at++, left /= letters)
                                text[at] = alphabet[left % letters];
                        compare_with_libc(text);
                }
}

int main(void)
{
        test_u32();
        test_read_u64();
        test_as_libc();
        return EXIT_SUCCESS;
}
