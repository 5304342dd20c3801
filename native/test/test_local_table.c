/* SPDX-License-Identifier: Apache-2.0 */
/* What this host says itself: read as a whole, again when it changes, by threads and children alike. */
#include "local-table.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "host.h"

/* At most a second later. */
static int acquire_later(struct local_hold *ret_hold)
{
        host_pass_time(1000);
        (void) clock_look_ms();
        return local_acquire(ret_hold);
}

static unsigned int name_now(const char *name)
{
        CLEANUP_LOCAL struct local_hold hold = LOCAL_HOLD_EMPTY;

        CHECK(acquire_later(&hold) == 0);
        return local_of_name(hold.table, name, strlen(name));
}

static unsigned int id_now(uint32_t id)
{
        CLEANUP_LOCAL struct local_hold hold = LOCAL_HOLD_EMPTY;

        CHECK(acquire_later(&hold) == 0);
        return local_of_id(hold.table, id);
}

static bool has_shell_now(const char *path)
{
        CLEANUP_LOCAL struct local_hold hold = LOCAL_HOLD_EMPTY;

        CHECK(acquire_later(&hold) == 0);
        return local_has_shell(hold.table, path, strlen(path));
}

static int fails_now(void)
{
        CLEANUP_LOCAL struct local_hold hold = LOCAL_HOLD_EMPTY;

        return acquire_later(&hold);
}

static void path_of(const char *name, char path[128])
{
        snprintf(path, 128, "%s/%s", host_folder(), name);
}

static void knows_names_and_ids(void)
{
        host_write_text("passwd", "root:x:0:0::/root:/bin/sh\n deploy:x:1500:1600::/home/deploy:/bin/sh\n"
                                  "svc:x:1501:1501::/home//service-x/data:/bin/sh\n"
                                  "web:x:1502:1502::/homes/web:/bin/sh\n+nis:x:1503:1503:::\n");
        host_write_text("group", "root:x:0:\ndeploy:x:1500:\n docker:x:998:deploy\n");
        CHECK(name_now("deploy") == (LOCAL_IS_USER | LOCAL_IS_GROUP | LOCAL_IS_HOME));
        CHECK(name_now("docker") == LOCAL_IS_GROUP && name_now("svc") == LOCAL_IS_USER);
        CHECK(name_now("service-x") == LOCAL_IS_HOME && name_now("data") == 0);
        CHECK(name_now("web") == LOCAL_IS_USER && name_now("nis") == 0 && name_now("deplo") == 0);
        CHECK(id_now(1500) == (LOCAL_IS_USER | LOCAL_IS_GROUP) && id_now(998) == LOCAL_IS_GROUP);
        CHECK(id_now(1600) == LOCAL_IS_GROUP && id_now(1503) == 0 && id_now(UINT32_MAX) == 0);
}

static void sees_every_change(void)
{
        char path[128];

        path_of("passwd", path);
        CHECK(name_now("newcomer") == 0);
        host_write_text("passwd", "root:x:0:0:::\nnewcomer:x:7:7:::\n"); /* by rename */
        CHECK(name_now("newcomer") == LOCAL_IS_USER && name_now("deploy") != LOCAL_IS_USER);
        /* In place, of the same length, within one tick of the clock that the file's times are of. */
        for (int i = 0; i < 20; i++) {
                char line[64];
                int length = snprintf(line, sizeof(line), "newcome%c:x:8:8:::\n", 'a' + i);
                FILE *file = fopen(path, "r+");
                CHECK(file != NULL && fwrite(line, 1, (size_t) length, file) == (size_t) length);
                CHECK(fclose(file) == 0);
                line[8] = '\0';
                CHECK(name_now(line) == LOCAL_IS_USER);
        }
        host_write_text("group", "root:x:0:\nvideo:x:44:\n");
        CHECK(name_now("video") == LOCAL_IS_GROUP && name_now("docker") == 0);
}

static void says_nothing_without_the_files(void)
{
        static const char *const files[] = {"passwd", "group"};
        char path[128], away[128];

        path_of("away", away);
        for (size_t i = 0; i < 2; i++) {
                path_of(files[i], path);
                CHECK(fails_now() == 0 && rename(path, away) == 0);
                CHECK(fails_now() == -ENODATA && fails_now() == -ENODATA);
                CHECK(mkdir(path, 0755) == 0 && fails_now() == -EINVAL && rmdir(path) == 0);
                CHECK(mkfifo(path, 0644) == 0 && fails_now() == -EINVAL && unlink(path) == 0);
                host_write_text(files[i], "");
                CHECK(fails_now() == -ENODATA);
                host_write_text(files[i], "# nobody\nroot\n");
                CHECK(fails_now() == -ENODATA);
                CHECK(truncate(path, (off_t) 65 << 20) == 0 && fails_now() == -EFBIG);
                CHECK(rename(away, path) == 0 && fails_now() == 0);
        }
}

static void goes_by_roots_word_on_ids(void)
{
        static const char *const flaws[] = {"100000",   "2-1",  "all",    "0-99999999999", "1-2x",
                                            "1-2\n3-4", "-1-5", " 1-2",   "1-2 ",          "1 - 2",
                                            "1-2\r",    "/",    "/home/", "//home",        "/a/../etc",
                                            "/a/.",     "home", "/h\n/i", "/h:i",          "1-"};
        struct root_ids ids;
        char folder[128], list[128];

        for (size_t i = 0; i < sizeof(flaws) / sizeof(flaws[0]); i++)
                CHECK(root_ids_parse(flaws[i], &ids) == -EBADMSG);
        CHECK(root_ids_parse("", &ids) == 0 && ids.min == 1879048192 && ids.max == 2147352575);
        CHECK(strcmp(ids.homes, "/home") == 0);
        CHECK(root_ids_parse("# ours\n\n/srv/homes\n65536-70000", &ids) == 0 && ids.min == 65536);
        CHECK(strcmp(ids.homes, "/srv/homes") == 0 && ids.homes_length == 10);
        CHECK(!root_ids_allow(&ids, 65535) && root_ids_allow(&ids, 65536) && root_ids_allow(&ids, 70000) &&
              !root_ids_allow(&ids, 70001));
        CHECK(root_ids_parse("0-4294967295", &ids) == 0);
        const uint32_t never[] = {0, 1000, 65535, 2147352576, 2147400000, 2147418111, 2147483648, 4294967295};
        for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
                CHECK(!root_ids_allow(&ids, never[i]));
        CHECK(root_ids_allow(&ids, 65536) && root_ids_allow(&ids, 2147352575) &&
              root_ids_allow(&ids, 2147418112) && root_ids_allow(&ids, 2147483647));

        if (geteuid() != 0) {
                puts("test_local_table: not root: lists of others were not tried");
                return;
        }
        path_of("root.d", folder);
        path_of("root.d/ids", list);
        host_write_text("root.d/ids", "nonsense\n");
        CHECK(fails_now() == -EBADMSG);
        host_write("root.d/ids", "1-2\0", 4);
        CHECK(fails_now() == -EBADMSG);
        host_write_text("root.d/ids", "70000-80000\n");
        CHECK(fails_now() == 0);
        CHECK(chmod(list, 0664) == 0 && fails_now() == -EPERM && chmod(list, 0646) == 0);
        CHECK(fails_now() == -EPERM && chmod(list, 0644) == 0 && fails_now() == 0);
        CHECK(chown(list, 4242, 0) == 0 && fails_now() == -EPERM && chown(list, 0, 0) == 0);
        CHECK(chown(folder, 4242, 0) == 0 && fails_now() == -EPERM && chown(folder, 0, 0) == 0);
        CHECK(chmod(folder, 0775) == 0 && fails_now() == -EPERM && chmod(folder, 0755) == 0);
        CHECK(fails_now() == 0 && unlink(list) == 0 && symlink("/etc/passwd", list) == 0);
        CHECK(fails_now() == -EPERM && unlink(list) == 0 && fails_now() == 0);
        char away[128];
        path_of("away", away);
        CHECK(rename(folder, away) == 0 && fails_now() == 0); /* no folder, no list: the defaults */
        CHECK(symlink(away, folder) == 0 && fails_now() == -EPERM);
        CHECK(unlink(folder) == 0 && rename(away, folder) == 0 && fails_now() == 0);
}

static void knows_the_shells_that_are_here(void)
{
        char shell[128], text[512];

        path_of("mysh", shell);
        snprintf(text, sizeof(text), "# shells\n/bin/sh\n  /bin/bash # comment\n%s\n/\nnone\n#/bin/dash",
                 shell);
        host_write_text("shells", text);
        CHECK(has_shell_now("/bin/sh") && has_shell_now("/bin/bash") && !has_shell_now("/bin/dash"));
        CHECK(!has_shell_now(shell) && !has_shell_now("") && !has_shell_now("/bin/bas"));
        host_write_text("mysh", "#!/bin/sh\n"); /* 0644: listed, but nobody can execute it */
        CHECK(!has_shell_now(shell));
        CHECK(chmod(shell, 0755) == 0 && has_shell_now(shell));
        CHECK(unlink(shell) == 0 && !has_shell_now(shell));
        host_remove("shells");
        CHECK(has_shell_now("/bin/sh") && !has_shell_now("/bin/bash")); /* as getusershell(3) */
        host_write_text("shells", "/bin/sh\n/bin/bash\n");
        CHECK(has_shell_now("/bin/bash"));
}

static void holds_many(void)
{
        size_t size = 4 << 20, length = 0;
        char *text = malloc(size), name[32];

        CHECK(text != NULL);
        for (int i = 0; i < 50000; i++)
                length +=
                        (size_t) snprintf(text + length, size - length, "user%d:x:%d:%d::/home/h%d:/bin/sh\n",
                                          i, 100000 + i, 200000 + i, i);
        host_write("passwd", text, length - 1);
        free(text);
        for (int i = 0; i < 50000; i += 4999) {
                snprintf(name, sizeof(name), "user%d", i);
                CHECK(name_now(name) == LOCAL_IS_USER && id_now((uint32_t) (100000 + i)) == LOCAL_IS_USER);
                snprintf(name, sizeof(name), "h%d", i);
                CHECK(name_now(name) == LOCAL_IS_HOME && id_now((uint32_t) (200000 + i)) == LOCAL_IS_GROUP);
        }
        CHECK(name_now("user50000") == 0);
        host_write_text("passwd", "root:x:0:0:::\n");
        CHECK(name_now("user1") == 0);
}

static int count_mappings(void)
{
        FILE *maps = fopen("/proc/self/maps", "r");
        char line[512];
        int count = 0;

        CHECK(maps != NULL);
        while (fgets(line, sizeof(line), maps) != NULL)
                count++;
        fclose(maps);
        return count;
}

static void keeps_one_table(void)
{
        int before = count_mappings();

        for (int i = 0; i < 200; i++) {
                host_write_text("passwd", i % 2 == 0 ? "root:x:0:0:::\na:x:5:5:::\n" : "root:x:0:0:::\n");
                CHECK((name_now("a") != 0) == (i % 2 == 0));
        }
        CHECK(count_mappings() <= before + 4);
}

/* As in a child that was forked while other threads held each slot. */
static void serves_with_every_slot_taken(void)
{
        struct local_hold held[SLOTS], fresh = LOCAL_HOLD_EMPTY;
        int before = count_mappings();
        char text[64];

        for (uint32_t i = 0; i < SLOTS + 2; i++) {
                snprintf(text, sizeof(text), "root:x:0:0:::\na:x:%u:5:::\n", 6000 + i);
                host_write_text("passwd", text);
                CHECK(acquire_later(i < SLOTS ? &held[i] : &fresh) == 0);
                CHECK(local_of_id(i < SLOTS ? held[i].table : fresh.table, 6000 + i) == LOCAL_IS_USER);
                local_release(&fresh);
                CHECK(id_now(6000 + i) == LOCAL_IS_USER);
        }
        host_write_text("passwd", "");
        CHECK(fails_now() == -ENODATA);
        host_write_text("passwd", "root:x:0:0:::\n");
        for (uint32_t i = 0; i < SLOTS; i++)
                local_release(&held[i]);
        CHECK(id_now(6000) == 0 && count_mappings() <= before + 1);
}

static atomic_bool stop;

/* Either of two truths, never a mixture. */
static void *look_until_stopped(void *argument)
{
        long *count = argument;

        while (!atomic_load(&stop)) {
                CLEANUP_LOCAL struct local_hold hold = LOCAL_HOLD_EMPTY;
                CHECK(local_acquire(&hold) == 0);
                unsigned int a = local_of_name(hold.table, "even", 4),
                             b = local_of_name(hold.table, "odd", 3);
                CHECK((a == LOCAL_IS_USER && b == 0 && local_of_id(hold.table, 7777) != 0) ||
                      (b == LOCAL_IS_USER && a == 0 && local_of_id(hold.table, 7777) == 0));
                ++*count;
        }
        return NULL;
}

static void serves_threads_and_children_while_files_are_replaced(void)
{
        pthread_t threads[4];
        long counts[4] = {0};
        int status;

        host_write_text("passwd", "root:x:0:0:::\nodd:x:8888:8888:::\n");
        CHECK(fails_now() == 0);
        for (size_t i = 0; i < 4; i++)
                CHECK(pthread_create(&threads[i], NULL, look_until_stopped, &counts[i]) == 0);
        for (int i = 0; i < 1000; i++) {
                bool even = i % 2 == 0;
                host_write_text("passwd", even ? "root:x:0:0:::\neven:x:7777:7777:::\n"
                                               : "root:x:0:0:::\nodd:x:8888:8888:::\n");
                /* Another thread may be reading the file just now. */
                for (int tries = 0; (name_now("even") != 0) != even; tries++)
                        CHECK(tries < 1000);
                if (i % 50 != 0)
                        continue;
                pid_t child = fork();
                if (child == 0) {
                        for (int each = 0; each < 20; each++)
                                CHECK((name_now("even") != 0) == even);
                        _exit(0);
                }
                CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        atomic_store(&stop, true);
        for (size_t i = 0; i < 4; i++)
                CHECK(pthread_join(threads[i], NULL) == 0 && counts[i] > 0);
}

int main(void)
{
        host_start();
        knows_names_and_ids();
        sees_every_change();
        says_nothing_without_the_files();
        goes_by_roots_word_on_ids();
        knows_the_shells_that_are_here();
        holds_many();
        keeps_one_table();
        serves_with_every_slot_taken();
        serves_threads_and_children_while_files_are_replaced();
        host_stop();
        return 0;
}
