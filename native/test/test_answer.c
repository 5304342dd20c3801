/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a resolver that was taken over may not make the module say: local names and ids, ids out of root's
 * range, homes elsewhere, groups for local users; over the socket and from directory.db.
 */
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "check.h"
#include "host.h"
#include "liar.h"
#include "protocol.h"

typedef enum nss_status getpwnam_fn(const char *, struct passwd *, char *, size_t, int *);
typedef enum nss_status getgrnam_fn(const char *, struct group *, char *, size_t, int *);
typedef enum nss_status getpwuid_fn(uid_t, struct passwd *, char *, size_t, int *);
typedef enum nss_status getgrgid_fn(gid_t, struct group *, char *, size_t, int *);
typedef enum nss_status getpwent_fn(struct passwd *, char *, size_t, int *);
typedef enum nss_status getgrent_fn(struct group *, char *, size_t, int *);
typedef enum nss_status initgroups_fn(const char *, gid_t, long *, long *, gid_t **, long, int *);

static getpwnam_fn *getpwnam_;
static getgrnam_fn *getgrnam_;
static getpwuid_fn *getpwuid_;
static getgrgid_fn *getgrgid_;
static getpwent_fn *getpwent_;
static getgrent_fn *getgrent_;
static enum nss_status (*endpwent_)(void), (*endgrent_)(void);
static initgroups_fn *initgroups_;
static struct liar liar;
static char buffer[8192];

enum { ALICE = 2026798591, OURS = 1900000002 };

static uint8_t frame[4096];
static struct writer writer;

static void begin(uint8_t opcode)
{
        writer = (struct writer){frame, frame + sizeof(frame)};
        CHECK(write_u32(&writer, 0) == 0 && write_u32(&writer, 1 | (uint32_t) opcode << 8) == 0);
}

static void say(void)
{
        struct writer length = {frame, frame + 4};
        size_t size = (size_t) (writer.at - frame);

        CHECK(write_u32(&length, (uint32_t) size - 4) == 0);
        liar_say(&liar, frame, size);
}

static void put_passwd(const char *name, uint32_t uid, uint32_t gid, const char *dir, const char *shell)
{
        CHECK(write_str(&writer, name) == 0 && write_u32(&writer, uid) == 0 && write_u32(&writer, gid) == 0 &&
              write_str(&writer, "") == 0 && write_str(&writer, dir) == 0 && write_str(&writer, shell) == 0);
}

static void put_group(const char *name, uint32_t gid, const char *const *members)
{
        uint32_t count = 0;

        while (members[count] != NULL)
                count++;
        CHECK(write_str(&writer, name) == 0 && write_u32(&writer, gid) == 0 &&
              write_u32(&writer, count) == 0);
        for (uint32_t i = 0; i < count; i++)
                CHECK(write_str(&writer, members[i]) == 0);
}

static const char *const nobody[] = {NULL};

static enum nss_status passwd_by_uid(const char *name, uint32_t uid, uint32_t gid, const char *dir,
                                     const char *shell, struct passwd *ret)
{
        int error = 0;

        begin(IAMLOGIN_OP_PASSWD_BY_UID);
        put_passwd(name, uid, gid, dir, shell);
        say();
        return getpwuid_(uid, ret, buffer, sizeof(buffer), &error);
}

static enum nss_status group_by_gid(const char *name, uint32_t gid, const char *const *members,
                                    struct group *ret)
{
        int error = 0;

        begin(IAMLOGIN_OP_GROUP_BY_GID);
        put_group(name, gid, members);
        say();
        return getgrgid_(gid, ret, buffer, sizeof(buffer), &error);
}

static enum nss_status user(const char *name, uint32_t uid, const char *dir)
{
        struct passwd entry;

        return passwd_by_uid(name, uid, uid, dir, "/bin/bash", &entry);
}

static enum nss_status group(const char *name, uint32_t gid)
{
        struct group entry;

        return group_by_gid(name, gid, nobody, &entry);
}

static void gives_no_local_name_by_id(void)
{
        CHECK(user("dora", OURS, "/home/dora") == NSS_STATUS_SUCCESS);
        CHECK(user("ubuntu", OURS, "/home/ubuntu") == NSS_STATUS_UNAVAIL);
        CHECK(user("sudo", OURS, "/home/sudo") == NSS_STATUS_UNAVAIL);     /* a local group's */
        CHECK(user("deploy", OURS, "/home/deploy") == NSS_STATUS_UNAVAIL); /* the line begins with a blank */
        CHECK(user("iamlogin", OURS, "/home/iamlogin") == NSS_STATUS_UNAVAIL);
        CHECK(group("ops", 1900000077) == NSS_STATUS_SUCCESS);
        CHECK(group("sudo", 1900000077) == NSS_STATUS_UNAVAIL);
        CHECK(group("ubuntu", 1900000077) == NSS_STATUS_UNAVAIL); /* a local user's */
        CHECK(group("iamlogin", 1900000077) == NSS_STATUS_UNAVAIL);
}

static void gives_no_name_that_gives_root(void)
{
        static const char *const names[] = {"adm",     "admin", "disk",   "docker", "incus-admin", "kmem",
                                            "libvirt", "lxd",   "shadow", "staff",  "sudo",        "wheel"};
        struct group entry;
        int error;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                CHECK(group(names[i], 1900000077) == NSS_STATUS_UNAVAIL);
                CHECK(user(names[i], OURS, "/home/dora") == NSS_STATUS_UNAVAIL);
                CHECK(getgrnam_(names[i], &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        }
        CHECK(group("admins", 1900000077) == NSS_STATUS_SUCCESS);
        CHECK(group("whee", 1900000077) == NSS_STATUS_SUCCESS);
}

static void asks_nobody_about_local_names_and_ids(void)
{
        struct passwd entry;
        struct group grp;
        uint8_t asked[64];
        int error;

        begin(IAMLOGIN_OP_PASSWD_BY_NAME);
        put_passwd("ubuntu", OURS, OURS, "/home/ubuntu", "/bin/bash");
        say();
        (void) getpwnam_("nosuch", &entry, buffer, sizeof(buffer), &error);
        CHECK(getpwnam_("ubuntu", &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(getgrnam_("sudo", &grp, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(getpwuid_(1800000000, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(getpwuid_(524288, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(getpwuid_(1950000000, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(liar_asked(&liar, asked, sizeof(asked)) == 8 + 2 + 6 && memcmp(asked + 10, "nosuch", 6) == 0);
}

static void believes_no_id_out_of_roots_range(void)
{
        const uint32_t never[] = {65536,      524288,     1000000000, 1879048191, 2147352576,
                                  2147352600, 2147418111, 2147418112, 2147483648, 4000000000};
        struct passwd entry;
        long start = 0, size = 8;
        gid_t *gids = malloc(8 * sizeof(*gids));
        int error;

        CHECK(gids != NULL);
        for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
                begin(IAMLOGIN_OP_PASSWD_BY_NAME);
                put_passwd("dora", never[i], OURS, "/home/dora", "/bin/bash");
                say();
                CHECK(getpwnam_("dora", &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
                CHECK(passwd_by_uid("dora", OURS, never[i], "/home/dora", "/bin/bash", &entry) ==
                      NSS_STATUS_UNAVAIL);
                begin(IAMLOGIN_OP_INITGROUPS);
                CHECK(write_u32(&writer, 2) == 0 && write_u32(&writer, OURS) == 0 &&
                      write_u32(&writer, never[i]) == 0);
                say();
                CHECK(initgroups_("dora", OURS, &start, &size, &gids, -1, &error) == NSS_STATUS_UNAVAIL);
                CHECK(start == 0);
        }
        /* Ids of local users, of local groups, and of a local user's group that /etc/group lacks. */
        CHECK(user("dora", 1950000000, "/home/dora") == NSS_STATUS_NOTFOUND);
        CHECK(group("ops", 1950000001) == NSS_STATUS_NOTFOUND &&
              group("ops", 1950000002) == NSS_STATUS_NOTFOUND);
        CHECK(passwd_by_uid("dora", OURS, 1950000001, "/home/dora", "/bin/bash", &entry) ==
              NSS_STATUS_UNAVAIL);

        host_write_text("root.d/ids", "100000-200000\n/srv/homes\n");
        host_pass_time(1000);
        CHECK(user("dora", 100000, "/srv/homes/dora") == NSS_STATUS_SUCCESS);
        CHECK(user("dora", 100000, "/home/dora") == NSS_STATUS_UNAVAIL);
        CHECK(user("dora", OURS, "/srv/homes/dora") == NSS_STATUS_NOTFOUND);
        host_write_text("root.d/ids", "all\n");
        host_pass_time(1000);
        CHECK(user("dora", OURS, "/home/dora") == NSS_STATUS_UNAVAIL);
        host_remove("root.d/ids");
        host_pass_time(1000);
        free(gids);
}

static const char *gecos_given_for(const char *gecos)
{
        struct passwd entry = {.pw_gecos = NULL};
        int error;

        begin(IAMLOGIN_OP_PASSWD_BY_UID);
        CHECK(write_str(&writer, "dora") == 0 && write_u32(&writer, OURS) == 0 &&
              write_u32(&writer, OURS) == 0 && write_str(&writer, gecos) == 0 &&
              write_str(&writer, "/home/dora") == 0 && write_str(&writer, "/bin/bash") == 0);
        say();
        CHECK(getpwuid_(OURS, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        return entry.pw_gecos;
}

/* pam_umask(8) takes "pri=-20", "umask=0" and "ulimit=1" of the fields as root. */
static void sets_nothing_by_gecos(void)
{
        static const char *const settings[] = {"pri=-20", "Dora,pri=-20",     "Dora,,,,umask=0", "=",
                                               ",",       "Dora Doe,ulimit=1"};

        CHECK(strcmp(gecos_given_for("Dora Doe"), "Dora Doe") == 0);
        CHECK(strcmp(gecos_given_for(""), "") == 0);
        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
                CHECK(strcmp(gecos_given_for(settings[i]), "dora") == 0);
}

static void bounds_homes_and_shells(void)
{
        static const char *const homes[] = {"/etc/systemd/system/cron.service.d",
                                            "/home",
                                            "/home/",
                                            "/home/.",
                                            "/home/..",
                                            "/home/../etc",
                                            "/home/dora/..",
                                            "/home/dora/",
                                            "/home//dora",
                                            "/home/a/b",
                                            "/homedora",
                                            "home/dora",
                                            "/",
                                            "",
                                            "/home/.ssh",
                                            "/home/-a",
                                            "/home/a b",
                                            "/home/ubuntu",
                                            "/home/service-x",
                                            "/home/sudo"};
        struct passwd entry;

        for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
                CHECK(user("dora", OURS, homes[i]) == NSS_STATUS_UNAVAIL);
        CHECK(user("dora", OURS, "/home/other") == NSS_STATUS_SUCCESS);
        CHECK(user("dora", OURS, "/home/iam-abcdefghijklmnopqrstuvwxyz0123456789.dora") ==
              NSS_STATUS_SUCCESS);
        CHECK(user("dora", OURS, "/home/root") == NSS_STATUS_UNAVAIL);
        /* A folder that a local user lives in takes no name away, only itself. */
        CHECK(user("service-x", OURS, "/home/service-x") == NSS_STATUS_UNAVAIL);
        CHECK(user("service-x", OURS, "/home/service-x-1900000001") == NSS_STATUS_SUCCESS);
        CHECK(group("service-x", 1900000077) == NSS_STATUS_SUCCESS);

        static const char *const shells[][2] = {{"/bin/bash", "/bin/bash"},
                                                {"/bin/sh", "/bin/sh"},
                                                {"/tmp/evil", "/bin/sh"},
                                                {"/bin/bash ", "/bin/sh"},
                                                {"", "/bin/sh"},
                                                {"/bin/nosuchsh", "/bin/sh"},
                                                {"/bin/false", "/bin/false"},
                                                {"/usr/sbin/nologin", "/usr/sbin/nologin"}};
        for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
                CHECK(passwd_by_uid("dora", OURS, OURS, "/home/dora", shells[i][0], &entry) ==
                      NSS_STATUS_SUCCESS);
                CHECK(strcmp(entry.pw_shell, shells[i][1]) == 0);
        }
}

static void leaves_local_users_out_of_groups(void)
{
        static const char *const members[] = {"ubuntu", "dora", "deploy", "carl", "www-data", NULL};
        struct group entry;

        CHECK(group_by_gid("iamlogin-sudo", 1900000077, members, &entry) == NSS_STATUS_SUCCESS);
        CHECK(strcmp(entry.gr_mem[0], "dora") == 0 && strcmp(entry.gr_mem[1], "carl") == 0 &&
              entry.gr_mem[2] == NULL);
}

static void gives_local_users_no_groups(void)
{
        static const char *const locals[] = {"deploy", "www-data", "iamlogin", "ubuntu", "root"};
        long start = 0, size = 8;
        gid_t *gids = malloc(8 * sizeof(*gids));
        int error;

        CHECK(gids != NULL);
        host_write_text("root.d/local-groups", "docker\n");
        host_pass_time(1000);
        begin(IAMLOGIN_OP_INITGROUPS);
        CHECK(write_u32(&writer, 1) == 0 && write_u32(&writer, 1900000077) == 0);
        say();
        CHECK(initgroups_("dora", OURS, &start, &size, &gids, -1, &error) == NSS_STATUS_SUCCESS);
        CHECK(start == (geteuid() == 0 ? 2 : 1) && gids[0] == 1900000077 && (start == 1 || gids[1] == 998));
        start = 0;
        for (size_t i = 0; i < sizeof(locals) / sizeof(locals[0]); i++)
                CHECK(initgroups_(locals[i], 1500, &start, &size, &gids, -1, &error) == NSS_STATUS_NOTFOUND &&
                      start == 0);
        host_remove("root.d/local-groups");
        host_pass_time(1000);
        free(gids);
}

/* A list that is there and cannot be read is no empty one. */
static void gives_no_groups_while_roots_list_cannot_be_read(void)
{
        long start = 0, size = 8;
        gid_t *gids = malloc(8 * sizeof(*gids));
        int error;

        CHECK(gids != NULL);
        if (geteuid() == 0) { /* of another owner it is no list of root's */
                host_write("root.d/local-groups", "docker\n\0\n", 9);
                host_pass_time(1000);
                begin(IAMLOGIN_OP_INITGROUPS);
                CHECK(write_u32(&writer, 1) == 0 && write_u32(&writer, 1900000077) == 0);
                say();
                CHECK(initgroups_("dora", OURS, &start, &size, &gids, -1, &error) == NSS_STATUS_UNAVAIL);
                CHECK(start == 0);
                host_remove("root.d/local-groups");
                host_pass_time(1000);
        }
        free(gids);
}

static void takes_no_answer_about_another_id(void)
{
        struct passwd entry;
        struct group grp;
        int error;

        begin(IAMLOGIN_OP_PASSWD_BY_UID);
        put_passwd("dora", OURS + 1, OURS + 1, "/home/dora", "/bin/bash");
        say();
        CHECK(getpwuid_(OURS, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
        CHECK(getpwuid_(OURS + 1, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        begin(IAMLOGIN_OP_GROUP_BY_GID);
        put_group("ops", OURS + 1, nobody);
        say();
        CHECK(getgrgid_(OURS, &grp, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
        CHECK(getgrgid_(OURS + 1, &grp, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
}

static void skips_what_it_may_not_list(void)
{
        struct passwd entry;
        struct group grp;
        int error, count = 0;

        begin(IAMLOGIN_OP_PASSWD_LIST);
        CHECK(write_u64(&writer, 1) == 0 && write_u32(&writer, 0) == 0 && write_u32(&writer, 5) == 0);
        put_passwd("ubuntu", OURS, OURS, "/home/ubuntu", "/bin/bash");
        put_passwd("dora", OURS + 1, OURS + 1, "/home/dora", "/bin/bash");
        put_passwd("carl", 2147352600, 2147352600, "/home/carl", "/bin/bash");
        put_passwd("emil", OURS + 2, OURS + 2, "/etc/cron.d", "/bin/bash");
        put_passwd("fred", OURS + 3, OURS + 3, "/home/fred", "/bin/bash");
        say();
        CHECK(endpwent_() == NSS_STATUS_SUCCESS);
        while (getpwent_(&entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS)
                CHECK(strcmp(entry.pw_name, count++ == 0 ? "dora" : "fred") == 0);
        CHECK(count == 2 && error == ENOENT);
        CHECK(endpwent_() == NSS_STATUS_SUCCESS);

        begin(IAMLOGIN_OP_GROUP_LIST);
        CHECK(write_u64(&writer, 1) == 0 && write_u32(&writer, 0) == 0 && write_u32(&writer, 3) == 0);
        put_group("sudo", OURS, nobody);
        put_group("ops", OURS + 1, nobody);
        put_group("docker", OURS + 2, nobody);
        say();
        count = 0;
        while (getgrent_(&grp, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS)
                CHECK(strcmp(grp.gr_name, "ops") == 0 && count++ == 0);
        CHECK(count == 1 && error == ENOENT && endgrent_() == NSS_STATUS_SUCCESS);
}

static void refuses_all_where_the_files_cannot_be_read(void)
{
        struct passwd entry;
        int error;

        CHECK(user("dora", OURS, "/home/dora") == NSS_STATUS_SUCCESS);
        host_remove("group");
        host_pass_time(1000);
        CHECK(user("dora", OURS, "/home/dora") == NSS_STATUS_UNAVAIL);
        CHECK(getpwnam_("dora", &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
        /* What can't be ours needs no file. */
        CHECK(getpwnam_("root", &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(getpwuid_(1000, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
}

static const char passwd_text[] = "root:x:0:0::/root:/bin/sh\nubuntu:x:1000:1000::/home/ubuntu:/bin/bash\n"
                                  " deploy:x:1500:1500::/home/deploy:/bin/sh\n"
                                  "www-data:x:33:33::/var/www:/usr/sbin/nologin\n"
                                  "iamlogin:x:900:900::/nonexistent:/usr/sbin/nologin\n"
                                  "svc:x:1950000000:1950000002::/home/service-x:/bin/sh\n";
static const char group_text[] =
        "root:x:0:\nsudo:x:27:ubuntu\ndocker:x:998:\nbig:x:1950000001:\nubuntu:x:1000:\n";

/* The same of what directory.db says: alice is there, and becomes local in one way after the other. */
static void holds_for_the_file_too(void)
{
        struct passwd entry;
        struct group grp;
        long start = 0, size = 8;
        gid_t *gids = malloc(8 * sizeof(*gids));
        char text[1024];
        int error;

        CHECK(gids != NULL);
        host_publish("directory-db-lasting");
        host_write_text("group", group_text);
        host_pass_time(1000);
        CHECK(getpwuid_(ALICE, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        CHECK(getgrgid_(ALICE, &grp, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        CHECK(initgroups_("alice", ALICE, &start, &size, &gids, -1, &error) == NSS_STATUS_SUCCESS &&
              start > 0);

        static const char *const becomes_user[] = {" alice:x:1234:1234:::\n", "other:x:2026798591:5:::\n",
                                                   "other:x:5:2026798591:::\n"};
        for (size_t i = 0; i < 3; i++) {
                snprintf(text, sizeof(text), "%s%s", passwd_text, becomes_user[i]);
                host_write_text("passwd", text);
                host_pass_time(1000);
                start = 0;
                CHECK(getpwnam_("alice", &entry, buffer, sizeof(buffer), &error) != NSS_STATUS_SUCCESS);
                CHECK(getpwuid_(ALICE, &entry, buffer, sizeof(buffer), &error) != NSS_STATUS_SUCCESS);
                CHECK(getgrgid_(ALICE, &grp, buffer, sizeof(buffer), &error) != NSS_STATUS_SUCCESS);
                CHECK(getgrnam_("alice", &grp, buffer, sizeof(buffer), &error) != NSS_STATUS_SUCCESS);
                CHECK(initgroups_("alice", 1234, &start, &size, &gids, -1, &error) != NSS_STATUS_SUCCESS);
                CHECK(start == 0);
                while (getpwent_(&entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS)
                        CHECK(strcmp(entry.pw_name, "alice") != 0);
                CHECK(error == ENOENT);
        }
        host_write_text("passwd", passwd_text);
        snprintf(text, sizeof(text), "%sdevelopers:x:70:\n", group_text);
        host_write_text("group", text);
        host_pass_time(1000);
        CHECK(getpwuid_(ALICE, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        CHECK(getgrnam_("developers", &grp, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND ||
              error != 0);
        while (getgrent_(&grp, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS)
                CHECK(strcmp(grp.gr_name, "developers") != 0);
        free(gids);
}

static void *symbol(void *module, const char *name)
{
        void *found = dlsym(module, name);

        CHECK(found != NULL);
        return found;
}

int main(void)
{
        host_start();
        host_write_text("passwd", passwd_text);
        host_write_text("group", group_text);
        void *module = dlopen(MODULE, RTLD_NOW);
        CHECK(module != NULL);
        getpwnam_ = (getpwnam_fn *) symbol(module, "_nss_iamlogin_getpwnam_r");
        getgrnam_ = (getgrnam_fn *) symbol(module, "_nss_iamlogin_getgrnam_r");
        getpwuid_ = (getpwuid_fn *) symbol(module, "_nss_iamlogin_getpwuid_r");
        getgrgid_ = (getgrgid_fn *) symbol(module, "_nss_iamlogin_getgrgid_r");
        getpwent_ = (getpwent_fn *) symbol(module, "_nss_iamlogin_getpwent_r");
        getgrent_ = (getgrent_fn *) symbol(module, "_nss_iamlogin_getgrent_r");
        endpwent_ = (enum nss_status(*)(void)) symbol(module, "_nss_iamlogin_endpwent");
        endgrent_ = (enum nss_status(*)(void)) symbol(module, "_nss_iamlogin_endgrent");
        initgroups_ = (initgroups_fn *) symbol(module, "_nss_iamlogin_initgroups_dyn");
        liar_start(&liar);
        gives_no_local_name_by_id();
        gives_no_name_that_gives_root();
        asks_nobody_about_local_names_and_ids();
        believes_no_id_out_of_roots_range();
        sets_nothing_by_gecos();
        bounds_homes_and_shells();
        leaves_local_users_out_of_groups();
        gives_local_users_no_groups();
        gives_no_groups_while_roots_list_cannot_be_read();
        takes_no_answer_about_another_id();
        skips_what_it_may_not_list();
        refuses_all_where_the_files_cannot_be_read();
        holds_for_the_file_too();
        liar_stop(&liar);
        host_stop();
        return 0;
}
