/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Keeps no descriptor; never calls getpw*(3). */
#include "local-build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cancel.h"
#include "clock.h"
#include "local-lines.h"
#include "path.h"
#include "shell-lines.h"
#include "text-file.h"
#include "valid.h"

enum { TRIES = 3, RACY_S = 2 };

/* The files while a table is made of them. */
struct sources {
        struct text_file passwd, group, shells;
        struct root_ids ids;
        char local_groups[ROOT_LIST_MAX];
        int local_groups_error;
};

static void clear_sources(struct sources *sources)
{
        text_file_clear(&sources->passwd);
        text_file_clear(&sources->group);
        text_file_clear(&sources->shells);
}

/* Not on the stack: the thread that asks may have a small one. */
static struct sources *new_sources(void)
{
        void *sources = mmap(NULL, sizeof(struct sources), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return sources == MAP_FAILED ? NULL : sources;
}

static void free_sources(struct sources *const *sources)
{
        if (*sources == NULL)
                return;
        clear_sources(*sources);
        munmap(*sources, sizeof(struct sources));
}

#define CLEANUP_SOURCES __attribute__((cleanup(free_sources)))

static const char *passwd_path(void)
{
        return path_of("/etc/passwd", "IAMLOGIN_PASSWD_FILE");
}

static const char *group_path(void)
{
        return path_of("/etc/group", "IAMLOGIN_GROUP_FILE");
}

static const char *shells_path(void)
{
        return path_of("/etc/shells", "IAMLOGIN_SHELLS_FILE");
}

static struct seen see(int folder, const char *path, int flags)
{
        struct seen seen;
        struct statx file;

        memset(&seen, 0, sizeof(seen)); /* compared as bytes */
        if (statx(folder, path, flags, STATX_BASIC_STATS, &file) < 0) {
                seen.error = errno;
                return seen;
        }
        seen.device = (uint64_t) file.stx_dev_major << 32 | file.stx_dev_minor;
        seen.inode = file.stx_ino;
        seen.size = file.stx_size;
        seen.mode = (uint64_t) file.stx_mode << 32 | file.stx_uid;
        seen.changed_s = file.stx_ctime.tv_sec;
        seen.changed_ns = file.stx_ctime.tv_nsec;
        seen.modified_s = file.stx_mtime.tv_sec;
        seen.modified_ns = file.stx_mtime.tv_nsec;
        return seen;
}

static struct seen see_list(enum root_list which)
{
        char path[256];
        size_t folder = strlen(root_list_folder()), name = strlen(root_list_name(which));

        if (folder + name + 2 > sizeof(path))
                return (struct seen){.error = ENAMETOOLONG};
        memcpy(path, root_list_folder(), folder);
        path[folder] = '/';
        memcpy(path + folder + 1, root_list_name(which), name + 1);
        return see(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

static void see_all(struct seen seen[SEEN_COUNT])
{
        seen[SEEN_PASSWD] = see(AT_FDCWD, passwd_path(), 0);
        seen[SEEN_GROUP] = see(AT_FDCWD, group_path(), 0);
        seen[SEEN_SHELLS] = see(AT_FDCWD, shells_path(), 0);
        seen[SEEN_LISTS] = see(AT_FDCWD, root_list_folder(), AT_SYMLINK_NOFOLLOW);
        seen[SEEN_IDS] = see_list(ROOT_LIST_IDS);
        seen[SEEN_LOCAL_GROUPS] = see_list(ROOT_LIST_LOCAL_GROUPS);
}

static bool is_racy(const struct seen seen[SEEN_COUNT])
{
        int64_t now_s = clock_ms(CLOCK_REALTIME_COARSE) / 1000;

        for (int i = 0; i < SEEN_COUNT; i++)
                if (seen[i].changed_s >= now_s - RACY_S && seen[i].changed_s <= now_s + RACY_S)
                        return true;
        return false;
}

/* /etc/passwd or /etc/group: its absence is no "not found" of what was asked. */
static int read_accounts(const char *path, struct text_file *ret_file)
{
        int r = text_file_read(path, ret_file);

        return r == -ENOENT ? -ENODATA : r;
}

static int read_sources(struct sources *sources)
{
        int r = read_accounts(passwd_path(), &sources->passwd);

        if (r == 0)
                r = read_accounts(group_path(), &sources->group);
        if (r < 0)
                return r;
        /* As libc: without the file its own two shells. */
        r = text_file_read(shells_path(), &sources->shells);
        if (r < 0 && r != -ENOENT && r != -EACCES)
                return r;
        r = root_ids_read(&sources->ids);
        if (r < 0)
                return r;
        r = root_list_read(ROOT_LIST_LOCAL_GROUPS, sources->local_groups);
        sources->local_groups_error = r == -ENOENT ? 0 : r;
        return 0;
}

/* What no answer could have as its name or home needs no place. */
static void add_name(struct local_table *table, const char *name, size_t length, unsigned int flag)
{
        if (!valid_part(name, length))
                return;
        uint32_t hash = local_hash(name, length);
        struct name_slot *slot = local_find_name(table, hash, name, length);
        if (slot->at == 0) {
                slot->hash = hash;
                slot->at = (uint32_t) table->text_length;
                table->text[table->text_length + 1] = (char) length;
                memcpy(table->text + table->text_length + 2, name, length);
                table->text_length += 2 + length;
                table->outlines[length] |= local_outline(name, length);
        }
        table->text[slot->at] = (char) (table->text[slot->at] | (char) flag);
}

static void add_id(struct local_table *table, uint32_t id, unsigned int flag)
{
        struct id_slot *slot = local_find_id(table, id);

        slot->id = id;
        slot->flags |= flag;
}

/* The folder directly below root's folder of homes that the path is in, or is. */
static void add_home(struct local_table *table, const struct local_entry *entry)
{
        size_t above = table->ids.homes_length;
        const char *end = entry->home + entry->home_length;

        if (entry->home_length <= above || entry->home[above] != '/' ||
            memcmp(entry->home, table->ids.homes, above) != 0)
                return;
        const char *part = entry->home + above;
        while (part != end && *part == '/')
                part++;
        const char *slash = memchr(part, '/', (size_t) (end - part));
        add_name(table, part, (size_t) ((slash == NULL ? end : slash) - part), LOCAL_IS_HOME);
}

static void add_local_group(struct local_table *table, const struct sources *sources,
                            const struct local_entry *entry)
{
        if (table->local_groups >= 0 && table->local_groups < LOCAL_GROUPS_MAX && entry->id > 0 &&
            entry->id < UINT32_MAX && root_list_has(sources->local_groups, entry->name, entry->name_length))
                table->local_gids[table->local_groups++] = entry->id;
}

static int add_accounts(struct local_table *table, const struct sources *sources, enum local_kind kind)
{
        const struct text_file *file = kind == LOCAL_PASSWD ? &sources->passwd : &sources->group;
        struct local_lines lines = {file->base, file->base + file->length, kind};
        unsigned int flag = kind == LOCAL_PASSWD ? LOCAL_IS_USER : LOCAL_IS_GROUP;
        struct local_entry entry;
        bool is_empty = true;

        for (; local_lines_next(&lines, &entry); is_empty = false) {
                add_name(table, entry.name, entry.name_length, flag);
                add_id(table, entry.id, flag);
                if (kind == LOCAL_PASSWD) {
                        add_id(table, entry.gid, LOCAL_IS_GROUP);
                        add_home(table, &entry);
                } else
                        add_local_group(table, sources, &entry);
        }
        /* Root at least is in every one: the file is being written. */
        return is_empty ? -ENODATA : 0;
}

static void add_shell(struct local_table *table, const char *path, size_t length)
{
        if (table->shell_count == LOCAL_SHELLS_MAX)
                return;
        table->shells[table->shell_count].at = (uint32_t) table->text_length;
        table->shells[table->shell_count].length = (uint32_t) length;
        memcpy(table->text + table->text_length, path, length);
        table->text[table->text_length + length] = '\0';
        table->text_length += length + 1;
        table->shell_count++;
}

static void add_shells(struct local_table *table, const struct text_file *file)
{
        const char *path;
        size_t length;

        if (file->base == NULL) {
                add_shell(table, "/bin/sh", strlen("/bin/sh"));
                add_shell(table, "/bin/csh", strlen("/bin/csh"));
                return;
        }
        struct shell_lines lines = {file->base, file->base + file->length};
        while (shell_lines_next(&lines, &path, &length))
                add_shell(table, path, length);
}

/* A network file system that is away must not hold up a lookup: what is known of the file will do. */
static uint64_t look_at_shells(const struct local_table *table)
{
        uint64_t here = 0;
        struct statx file;

        for (uint32_t i = 0; i < table->shell_count; i++)
                if (statx(AT_FDCWD, table->text + table->shells[i].at, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                          STATX_TYPE | STATX_MODE, &file) == 0 &&
                    S_ISREG(file.stx_mode) && (file.stx_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0)
                        here |= (uint64_t) 1 << i;
        return here;
}

static size_t count_lines(const struct text_file *file)
{
        size_t count = 1;

        for (size_t i = 0; i < file->length; i++)
                count += file->base[i] == '\n';
        return count;
}

/* A power of two, at least twice as many. */
static uint32_t slots_for(size_t count)
{
        uint32_t slots = 16;

        while (slots < 2 * count)
                slots *= 2;
        return slots;
}

void local_table_free(void *value)
{
        struct local_table *table = value;

        munmap(table, table->size);
}

static int make_table(const struct sources *sources, struct local_table **ret_table)
{
        size_t users = count_lines(&sources->passwd), groups = count_lines(&sources->group);
        /* Of a user the name and the home, the uid and the gid. */
        uint32_t names = slots_for(2 * users + groups), ids = slots_for(2 * users + groups);
        /* Two bytes more for each name, or the two shells of libc. */
        size_t text = 64 + sources->passwd.length + sources->group.length + sources->shells.length +
                      2 * (2 * users + groups);
        size_t size = sizeof(struct local_table) + names * sizeof(struct name_slot) +
                      ids * sizeof(struct id_slot) + text;
        struct local_table *table =
                mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (table == MAP_FAILED)
                return -ENOMEM;
        table->size = size;
        table->names = (struct name_slot *) (table + 1);
        table->id_slots = (struct id_slot *) (table->names + names);
        table->text = (char *) (table->id_slots + ids);
        table->text_length = 1; /* 0 is no place */
        table->name_mask = names - 1;
        table->id_mask = ids - 1;
        table->ids = sources->ids;
        table->local_groups = sources->local_groups_error;
        int r = add_accounts(table, sources, LOCAL_PASSWD);
        if (r == 0)
                r = add_accounts(table, sources, LOCAL_GROUP);
        if (r < 0) {
                local_table_free(table);
                return r;
        }
        add_shells(table, &sources->shells);
        table->shells_here = look_at_shells(table);
        *ret_table = table;
        return 0;
}

int local_table_read(struct local_table **ret_table)
{
        CLEANUP_SOURCES struct sources *sources = new_sources();
        struct seen before[SEEN_COUNT], after[SEEN_COUNT];
        struct local_table *table = NULL;

        if (sources == NULL)
                return -ENOMEM;
        /* All of one moment, or of one that is looked at again. */
        for (int tries = 0;; tries++) {
                clear_sources(sources);
                see_all(before);
                int r = read_sources(sources);
                if (r < 0)
                        return r;
                see_all(after);
                if (tries == TRIES || memcmp(before, after, sizeof(before)) == 0)
                        break;
        }
        int r = make_table(sources, &table);
        if (r < 0)
                return r;
        memcpy(table->seen, before, sizeof(before));
        table->is_racy = is_racy(before) || memcmp(before, after, sizeof(before)) != 0;
        *ret_table = table;
        return 0;
}

bool local_table_matches(const struct local_table *table)
{
        struct seen seen[SEEN_COUNT];

        if (table->is_racy)
                return false;
        see_all(seen);
        return memcmp(seen, table->seen, sizeof(seen)) == 0 && look_at_shells(table) == table->shells_here;
}

static int passwd_has(const char *name, uint32_t uid)
{
        DEFER_CANCEL;
        CLEANUP_TEXT_FILE struct text_file file = TEXT_FILE_EMPTY;
        struct local_entry entry;
        bool is_empty = true;

        int r = read_accounts(passwd_path(), &file);
        if (r < 0)
                return r;
        struct local_lines lines = {file.base, file.base + file.length, LOCAL_PASSWD};
        for (; local_lines_next(&lines, &entry); is_empty = false)
                if (name == NULL ? entry.id == uid
                                 : entry.name_length == strlen(name) &&
                                           memcmp(entry.name, name, entry.name_length) == 0)
                        return 1;
        return is_empty ? -ENODATA : 0;
}

int local_passwd_has_name(const char *name)
{
        return passwd_has(name, 0);
}

int local_passwd_has_uid(uint32_t uid)
{
        return passwd_has(NULL, uid);
}
