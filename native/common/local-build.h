/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a local table, between local-build.c, which makes it of the files, and local-table.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "local-table.h"
#include "sum.h"

enum { LOCAL_SHELLS_MAX = 64, LOCAL_LENGTHS = 256 };

/* What statx(2) said of a path: another file, or another content, differs in one of these. */
struct seen {
        int64_t error;
        uint64_t device, inode, size, mode;
        int64_t changed_s, changed_ns; /* ctime: no tool sets it back, as some do mtime */
        int64_t modified_s, modified_ns;
};

enum { SEEN_PASSWD, SEEN_GROUP, SEEN_SHELLS, SEEN_LISTS, SEEN_IDS, SEEN_LOCAL_GROUPS, SEEN_COUNT };

struct name_slot {
        uint32_t hash;
        uint32_t at; /* of the name in `text`: a byte of flags, its length, its bytes; 0: an empty slot */
};

struct id_slot {
        uint32_t id;
        uint32_t flags; /* 0: an empty slot */
};

struct local_table {
        size_t size; /* of the mapping that this is the beginning of */
        struct seen seen[SEEN_COUNT];
        bool is_racy; /* a file changed so shortly before that the same times may hide another change */
        struct root_ids ids;
        struct name_slot *names;
        struct id_slot *id_slots;
        uint32_t name_mask, id_mask;
        uint64_t outlines[LOCAL_LENGTHS]; /* by a name's length, the bits local_outline() of the names here */
        char *text;
        size_t text_length;
        int local_groups; /* their count, or -errno */
        uint32_t local_gids[LOCAL_GROUPS_MAX];
        uint32_t shell_count;
        uint64_t shells_here; /* a bit a shell: it can be executed */
        struct {
                uint32_t at, length;
        } shells[LOCAL_SHELLS_MAX];
};

/*
 * One of 64 bits by the first and last character: the name of a member of a large group, which is hardly
 * ever a local one, needs no hash then. `length` is 1 to 255.
 */
static inline uint64_t local_outline(const char *name, size_t length)
{
        return (uint64_t) 1 << (((unsigned char) name[0] * 7u + (unsigned char) name[length - 1]) & 63);
}

static inline uint32_t local_hash(const char *name, size_t length)
{
        return sum_of((const uint8_t *) name, length);
}

/* The slot of the name, or the empty one where it would be. */
static inline struct name_slot *local_find_name(const struct local_table *table, uint32_t hash,
                                                const char *name, size_t length)
{
        for (uint32_t at = hash;; at++) {
                struct name_slot *slot = &table->names[at & table->name_mask];
                if (slot->at == 0)
                        return slot;
                const char *entry = table->text + slot->at;
                if (slot->hash == hash && (unsigned char) entry[1] == length &&
                    memcmp(entry + 2, name, length) == 0)
                        return slot;
        }
}

static inline struct id_slot *local_find_id(const struct local_table *table, uint32_t id)
{
        for (uint32_t at = id * sum_prime1 >> 7;; at++) {
                struct id_slot *slot = &table->id_slots[at & table->id_mask];
                if (slot->flags == 0 || slot->id == id)
                        return slot;
        }
}

/* local_of_name(), local_of_id() and local_has_shell(), in line: each lookup asks them, and a group of each
 * member. */
static inline unsigned int local_flags_of_name(const struct local_table *table, const char *name,
                                               size_t length)
{
        if (length == 0 || length >= LOCAL_LENGTHS ||
            (table->outlines[length] & local_outline(name, length)) == 0)
                return 0;
        const struct name_slot *slot = local_find_name(table, local_hash(name, length), name, length);
        return slot->at == 0 ? 0 : (unsigned char) table->text[slot->at];
}

static inline unsigned int local_flags_of_id(const struct local_table *table, uint32_t id)
{
        return local_find_id(table, id)->flags;
}

static inline bool local_lists_shell(const struct local_table *table, const char *path, size_t length)
{
        for (uint32_t i = 0; i < table->shell_count; i++)
                if (table->shells[i].length == length && (table->shells_here >> i & 1) != 0 &&
                    memcmp(table->text + table->shells[i].at, path, length) == 0)
                        return true;
        return false;
}

/* Reads the files. 0 and the table, which local_table_free() frees; -errno. */
int local_table_read(struct local_table **ret_table);
void local_table_free(void *table);

/* Whether the files, and the shells that they list, are what the table was made of. */
bool local_table_matches(const struct local_table *table);
