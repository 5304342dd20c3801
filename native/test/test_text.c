/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of text that anybody may choose. */
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "text.h"

static void becomes(const char *text, size_t size, const char *expected)
{
        char clean[64];

        memset(clean, 'x', sizeof(clean));
        text_clean(text, strlen(text), clean, size);
        CHECK(strcmp(clean, expected) == 0);
        CHECK(clean[size] == 'x');
}

static void keeps_what_is_text(void)
{
        becomes("", 8, "");
        becomes("192.0.2.1", 32, "192.0.2.1");
        becomes("zo\u00eb \u2014 \U0001f600 \u00a0", 32, "zo\u00eb \u2014 \U0001f600 \u00a0");
}

static void replaces_what_is_none(void)
{
        becomes("\xff", 8, "?");
        becomes("a\xffz\n\t\x1b[2J\x7f", 32, "a?z???[2J?");
        becomes("\xc2\x85", 8, "?");       /* C1 */
        becomes("\xc0\x80", 8, "??");      /* a longer form */
        becomes("\xe0\x9f\xbf", 8, "???"); /* another */
        becomes("\xed\xa0\x80", 8, "???"); /* half of UTF-16 */
        becomes("\xf0\x8f\xbf\xbf", 8, "????");
        becomes("\xf4\x90\x80\x80", 8, "????"); /* past U+10FFFF */
        becomes("\xf5", 8, "?");
        becomes("\xe2\x82", 8, "??"); /* cut short */
        becomes("\xe2\x82z", 8, "??z");
}

static void cuts_between_characters(void)
{
        becomes("abcdef", 4, "abc");
        becomes("abc\u00eb", 4, "abc");
        becomes("abc\u00eb", 5, "abc");
        becomes("abc\u00eb", 6, "abc\u00eb");
        becomes("a\U0001f600b", 5, "a");
        becomes("abc", 1, "");
}

/* Any bytes: what comes out is clean, that is, stays as it is when cleaned again. */
static void cleans_anything(void)
{
        uint32_t state = 1;

        for (int round = 0; round < 200000; round++) {
                char text[24], once[16], twice[16];
                for (size_t i = 0; i < sizeof(text); i++) {
                        state = state * 1664525 + 1013904223;
                        /* Mostly lead and continuation bytes. */
                        text[i] = (char) (state >> 24 | (state & 1024 ? 0x80 : 0));
                }
                size_t size = 1 + (state >> 8) % sizeof(once);
                text_clean(text, sizeof(text), once, size);
                CHECK(strlen(once) < size);
                text_clean(once, strlen(once), twice, size);
                CHECK(strcmp(once, twice) == 0);
        }
}

int main(void)
{
        keeps_what_is_text();
        replaces_what_is_none();
        cuts_between_characters();
        cleans_anything();
        return 0;
}
