/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. */
#include "root-ids.h"

#include <errno.h>
#include <string.h>

#include "decimal.h"
#include "protocol.h"
#include "valid.h"

static int parse_range(const char *line, size_t length, struct root_ids *ids)
{
        const char *dash = memchr(line, '-', length);
        size_t first = dash == NULL ? length : (size_t) (dash - line);

        if (dash == NULL || decimal_u32(line, first, &ids->min) < 0 ||
            decimal_u32(dash + 1, length - first - 1, &ids->max) < 0 || ids->min > ids->max)
                return -EBADMSG;
        return 0;
}

/* Absolute, one slash between the parts, none of them "." or "..", and not the root folder itself. */
static bool is_plain_folder(const char *path, size_t length)
{
        if (length < 2 || length >= ROOT_HOMES_MAX || !valid_field(path, length, ROOT_HOMES_MAX))
                return false;
        for (const char *at = path, *end = path + length; at != end;) {
                const char *part = at + 1;
                const char *slash = memchr(part, '/', (size_t) (end - part));
                size_t size = (size_t) ((slash == NULL ? end : slash) - part);
                if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0))
                        return false;
                at = part + size;
        }
        return true;
}

int root_ids_parse(const char *text, struct root_ids *ret_ids)
{
        struct root_ids ids = {ROOT_IDS_MIN, ROOT_IDS_MAX, strlen(ROOT_HOMES), ROOT_HOMES};
        bool has_range = false, has_homes = false;

        for (size_t length; *text != '\0'; text += length + (text[length] == '\n')) {
                length = strcspn(text, "\n");
                if (length == 0 || text[0] == '#')
                        continue;
                if (text[0] == '/') {
                        if (has_homes || !is_plain_folder(text, length))
                                return -EBADMSG;
                        memcpy(ids.homes, text, length);
                        ids.homes_length = length;
                        has_homes = true;
                } else {
                        if (has_range || parse_range(text, length, &ids) < 0)
                                return -EBADMSG;
                        has_range = true;
                }
        }
        ids.homes[ids.homes_length] = '\0';
        *ret_ids = ids;
        return 0;
}

int root_ids_read(struct root_ids *ret_ids)
{
        char list[ROOT_LIST_MAX];

        int r = root_list_read(ROOT_LIST_IDS, list);
        return r < 0 && r != -ENOENT ? r : root_ids_parse(list, ret_ids);
}
