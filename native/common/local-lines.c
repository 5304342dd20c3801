/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Never reads at or past `end`. */
#include "local-lines.h"

#include <string.h>

#include "decimal.h"

static bool is_blank(char each)
{
        return each == ' ' || (each >= '\t' && each <= '\r');
}

/* The field at `*at`; moves on to the next one, or to `end`. */
static const char *take_field(const char **at, const char *end, size_t *ret_length)
{
        const char *field = *at;
        const char *colon = field == end ? NULL : memchr(field, ':', (size_t) (end - field));

        *ret_length = (size_t) ((colon == NULL ? end : colon) - field);
        *at = colon == NULL ? end : colon + 1;
        return field;
}

static bool take_id(const char **at, const char *end, uint32_t *ret_id)
{
        const char *next = *at;

        if (decimal_read_id_as_libc(&next, end, ret_id) < 0 || (next != end && *next != ':'))
                return false;
        *at = next == end ? end : next + 1;
        return true;
}

static bool parse(const char *at, const char *end, enum local_kind kind, struct local_entry *ret_entry)
{
        struct local_entry entry = {.home = end};
        size_t ignored;

        while (at != end && is_blank(*at))
                at++;
        if (at == end || *at == '#' || *at == '+' || *at == '-')
                return false;
        entry.name = take_field(&at, end, &entry.name_length);
        (void) take_field(&at, end, &ignored); /* the password */
        if (!take_id(&at, end, &entry.id))
                return false;
        entry.gid = entry.id;
        if (kind == LOCAL_PASSWD) {
                if (!take_id(&at, end, &entry.gid))
                        return false;
                (void) take_field(&at, end, &ignored); /* the comment */
                entry.home = take_field(&at, end, &entry.home_length);
        }
        *ret_entry = entry;
        return true;
}

bool local_lines_next(struct local_lines *lines, struct local_entry *ret_entry)
{
        bool found = false;

        while (!found && lines->at != lines->end) {
                const char *line = lines->at;
                size_t left = (size_t) (lines->end - line);
                const char *newline = memchr(line, '\n', left);
                size_t length = newline == NULL ? left : (size_t) (newline - line);
                const char *nul = memchr(line, '\0', length);
                lines->at = newline == NULL ? lines->end : newline + 1;
                found = parse(line, nul == NULL ? line + length : nul, lines->kind, ret_entry);
        }
        return found;
}
