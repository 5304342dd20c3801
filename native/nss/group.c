/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a group. No logging, no signals, no exit. */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <stdbool.h>
#include <stdlib.h>

#include "answer.h"
#include "lookup.h"
#include "protocol.h"
#include "status.h"
#include "getent.h"

#define EXPORT __attribute__((visibility("default")))

/* Serialised by libc, as in passwd.c. */
static struct getent getent = {.enumeration = ENUMERATION_EMPTY};

EXPORT enum nss_status _nss_iamlogin_getgrnam_r(const char *name, struct group *grp, char *buffer,
                                                size_t length, int *errnop);
EXPORT enum nss_status _nss_iamlogin_getgrgid_r(gid_t gid, struct group *grp, char *buffer, size_t length,
                                                int *errnop);
EXPORT enum nss_status _nss_iamlogin_setgrent(int stayopen);
EXPORT enum nss_status _nss_iamlogin_getgrent_r(struct group *grp, char *buffer, size_t length, int *errnop);
EXPORT enum nss_status _nss_iamlogin_endgrent(void);
EXPORT enum nss_status _nss_iamlogin_initgroups_dyn(const char *user, gid_t group, long int *start,
                                                    long int *size, gid_t **groupsp, long int limit,
                                                    int *errnop);

enum nss_status _nss_iamlogin_getgrnam_r(const char *name, struct group *grp, char *buffer, size_t length,
                                         int *errnop)
{
        return to_nss_status(is_sysusers() ? -ENOENT : lookup_group_by_name(name, buffer, length, grp),
                             errnop);
}

enum nss_status _nss_iamlogin_getgrgid_r(gid_t gid, struct group *grp, char *buffer, size_t length,
                                         int *errnop)
{
        return to_nss_status(lookup_group_by_gid(gid, buffer, length, grp), errnop);
}

enum nss_status _nss_iamlogin_setgrent(int stayopen)
{
        (void) stayopen;
        getent_clear(&getent);
        return NSS_STATUS_SUCCESS;
}

struct group_result {
        struct group *grp;
        char *buffer;
        size_t length;
};

static int give_group(struct reader *entry, void *result)
{
        const struct group_result *to = result;
        struct group_record record;

        int r = decode_group(entry, &record);
        /* Any error of a record ends the list: -EPERM is the host's own. */
        if (r < 0)
                return r == -EPERM ? -EBADMSG : r;
        return answer_group(&record, to->buffer, to->length, to->grp);
}

enum nss_status _nss_iamlogin_getgrent_r(struct group *grp, char *buffer, size_t length, int *errnop)
{
        struct group_result result = {grp, buffer, length};

        return to_nss_status(getent_next(&getent, IAMLOGIN_OP_GROUP_LIST, give_group, &result), errnop);
}

enum nss_status _nss_iamlogin_endgrent(void)
{
        getent_clear(&getent);
        return NSS_STATUS_SUCCESS;
}

static bool contains(const gid_t *groups, long int count, gid_t gid)
{
        for (long int i = 0; i < count; i++)
                if (groups[i] == gid)
                        return true;
        return false;
}

/* libc hands over a heap array that modules grow; limit <= 0 means no limit. */
static int add_group(gid_t gid, long int *start, long int *size, gid_t **groupsp, long int limit)
{
        if (*start == *size) {
                long int larger = *size < 16 ? 32 : *size * 2;
                if (limit > 0 && larger > limit)
                        larger = limit;
                if (larger <= *size)
                        return 0; /* full: the rest is left out, as libc's own modules do */
                gid_t *groups = realloc(*groupsp, (size_t) larger * sizeof(*groups));
                if (groups == NULL)
                        return -ENOMEM;
                *groupsp = groups;
                *size = larger;
        }
        (*groupsp)[(*start)++] = gid;
        return 0;
}

static int add_groups(const uint32_t *gids, uint32_t count, gid_t group, long int *start, long int *size,
                      gid_t **groupsp, long int limit)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < count; i++)
                if (gids[i] != group && !contains(*groupsp, *start, gids[i]))
                        r = add_group(gids[i], start, size, groupsp, limit);
        return r;
}

enum nss_status _nss_iamlogin_initgroups_dyn(const char *user, gid_t group, long int *start, long int *size,
                                             gid_t **groupsp, long int limit, int *errnop)
{
        CLEANUP_GIDS struct gid_list list = GID_LIST_EMPTY;
        uint32_t local[LOCAL_GROUPS_MAX] = {0};

        int r = lookup_initgroups(user, &list);
        /* Before anything is added: libc keeps what a module leaves behind, whatever it returns. */
        int count = r == 0 ? answer_local_groups(local) : r;
        r = count < 0 ? count : add_groups(list.gids, list.count, group, start, size, groupsp, limit);
        if (r == 0)
                r = add_groups(local, (uint32_t) count, group, start, size, groupsp, limit);
        return to_nss_status(r, errnop);
}

__attribute__((destructor)) static void close_getent(void)
{
        getent_close(&getent);
}
