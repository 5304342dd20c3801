/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the module leaves behind in its process: after dlclose(3), and in a thread that is cancelled
 * amid a wait. Descriptors and mappings are counted here, memory by LeakSanitizer.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "host.h"
#include "liar.h"
#include "protocol.h"
#include "vector.h"

typedef enum nss_status getpwnam_fn(const char *, struct passwd *, char *, size_t, int *);
typedef enum nss_status initgroups_fn(const char *, gid_t, long *, long *, gid_t **, long, int *);
typedef enum nss_status getpwent_fn(struct passwd *, char *, size_t, int *);

static struct liar liar;
static void *module;

static void *symbol(const char *name)
{
        void *found = dlsym(module, name);

        CHECK(found != NULL);
        return found;
}

static void load(void)
{
        module = dlopen(MODULE, RTLD_NOW);
        CHECK(module != NULL);
}

static void unload(void)
{
        CHECK(dlclose(module) == 0);
        /* Else nothing was unloaded, and what follows says nothing. */
        CHECK(dlopen(MODULE, RTLD_NOW | RTLD_NOLOAD) == NULL);
}

static int count_mappings(const char *of)
{
        FILE *maps = fopen("/proc/self/maps", "re");
        char line[1024];
        int count = 0;

        CHECK(maps != NULL);
        while (fgets(line, sizeof(line), maps) != NULL)
                count += strstr(line, of) != NULL;
        fclose(maps);
        return count;
}

static int count_descriptors(void)
{
        DIR *folder = opendir("/proc/self/fd");
        int count = 0;

        CHECK(folder != NULL);
        while (readdir(folder) != NULL)
                count++;
        closedir(folder);
        return count;
}

static enum nss_status look_up(const char *name)
{
        struct passwd entry;
        char buffer[512];
        int error;

        return ((getpwnam_fn *) symbol("_nss_iamlogin_getpwnam_r"))(name, &entry, buffer, sizeof(buffer),
                                                                    &error);
}

static void unmaps_the_directory_when_it_is_unloaded(void)
{
        for (int i = 0; i < 3; i++) {
                load();
                CHECK(look_up("alice") == NSS_STATUS_SUCCESS);
                CHECK(count_mappings("directory.db") == 1);
                unload();
                CHECK(count_mappings("directory.db") == 0);
        }
}

static long mapped_pages(void)
{
        FILE *statm = fopen("/proc/self/statm", "re");
        char text[64];

        CHECK(statm != NULL && fgets(text, sizeof(text), statm) != NULL);
        fclose(statm);
        return strtol(text, NULL, 10);
}

enum { TIMES = 512 };

/* By how many pages the process grows in TIMES loads and unloads, with a lookup in each or without. */
static long growth(bool looks_up)
{
        long before = mapped_pages();

        for (int i = 0; i < TIMES; i++) {
                load();
                CHECK(!looks_up || look_up("alice") == NSS_STATUS_SUCCESS);
                unload();
        }
        return mapped_pages() - before;
}

/*
 * The table of local accounts is anonymous memory, so /proc/self/maps has no name for it. The sanitizer
 * also keeps memory at each load, more or less by its version: the test counts what the lookups add.
 */
static void unmaps_the_local_table_when_it_is_unloaded(void)
{
        (void) growth(true); /* what libc and the sanitizer allocate once */
        long without = growth(false);

        CHECK(growth(true) < without + TIMES); /* a table is a page at least */
}

/* A walk that nobody ended holds a mapping of its own, and copies of entries. */
static void unmaps_what_an_unfinished_walk_holds(void)
{
        struct passwd entry;
        char buffer[512], small[4];
        int error;

        load();
        getpwent_fn *next = (getpwent_fn *) symbol("_nss_iamlogin_getpwent_r");
        CHECK(next(&entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        host_publish("directory-db");
        CHECK(look_up("alice") == NSS_STATUS_SUCCESS);
        CHECK(count_mappings("directory.db") == 2);
        CHECK(next(&entry, small, sizeof(small), &error) == NSS_STATUS_TRYAGAIN);
        unload();
        CHECK(count_mappings("directory.db") == 0);
}

/* A reply that did not fit is kept for a next try that never comes. */
static void frees_a_reply_that_nobody_came_back_for(void)
{
        struct passwd entry;
        uint8_t bytes[256];
        char small[4];
        int error;

        CHECK(unlink("directory.db") == 0);
        liar_say(&liar, bytes, read_vector("response-passwd", bytes, sizeof(bytes)));
        load();
        CHECK(((getpwnam_fn *) symbol("_nss_iamlogin_getpwnam_r"))("alice", &entry, small, sizeof(small),
                                                                   &error) == NSS_STATUS_TRYAGAIN);
        unload();
        host_publish("directory-db");
}

/* Groups of alice's, root's list of local groups, and a mapping that needs no descriptor any more. */
static void gives_all_groups_or_none_without_descriptors(void)
{
        struct rlimit limit, none;
        long whole = 0, start = 0, size = 64;
        gid_t *groups = calloc((size_t) size, sizeof(*groups));
        int error;

        CHECK(groups != NULL && getrlimit(RLIMIT_NOFILE, &limit) == 0);
        host_write_text("group", "root:x:0:\nadmin:x:1000:\ndocker:x:998:\n");
        host_write_text("root.d/local-groups", "docker\n");
        load();
        initgroups_fn *initgroups_ = (initgroups_fn *) symbol("_nss_iamlogin_initgroups_dyn");
        CHECK(initgroups_("alice", 1, &whole, &size, &groups, -1, &error) == NSS_STATUS_SUCCESS);
        CHECK(whole > 1 && groups[whole - 1] == 998);
        none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
        for (int i = 0; i < 2; i++) {
                /* At the second time what is known of the local groups must be read again. */
                if (i == 1)
                        host_write_text("group", "root:x:0:\nadmin:x:1000:\ndocker:x:998:\nnew:x:999:\n");
                host_pass_time(2000);
                CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
                start = 0;
                enum nss_status status = initgroups_("alice", 1, &start, &size, &groups, -1, &error);
                CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                CHECK(status == NSS_STATUS_SUCCESS ? start == whole
                                                   : status == NSS_STATUS_UNAVAIL && start == 0);
                CHECK(i == 0 || status == NSS_STATUS_UNAVAIL);
        }
        unload();
        free(groups);
}

static void *look_up_an_unknown_name(void *argument)
{
        (void) argument;
        CHECK(look_up("nobodyhere") == NSS_STATUS_UNAVAIL);
        /* Until here cancellation waited; the next point ends the thread. */
        pthread_testcancel();
        CHECK(false);
        return NULL;
}

/* Counted before the liar has any connection: it closes its end of the last one when it likes. */
static int descriptors;

static void leaves_nothing_of_a_cancelled_wait(void)
{
        int asked = atomic_load(&liar.count);
        pthread_t thread;
        void *result;

        load();
        liar.silent = true;
        CHECK(pthread_create(&thread, NULL, look_up_an_unknown_name, NULL) == 0);
        while (atomic_load(&liar.count) == asked)
                ; /* until it waits for the answer */
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
        /* The liar holds its end of the connection; the module's is closed. */
        CHECK(count_descriptors() == descriptors + 1);
        liar.silent = false;
        unload();
        CHECK(count_mappings("directory.db") == 0);
}

int main(void)
{
        host_start();
        CHECK(chdir(host_folder()) == 0);
        liar_start(&liar);
        descriptors = count_descriptors();
        host_publish("directory-db");
        unmaps_the_directory_when_it_is_unloaded();
        unmaps_the_local_table_when_it_is_unloaded();
        unmaps_what_an_unfinished_walk_holds();
        frees_a_reply_that_nobody_came_back_for();
        gives_all_groups_or_none_without_descriptors();
        leaves_nothing_of_a_cancelled_wait();
        liar_stop(&liar);
        host_stop();
        return 0;
}
