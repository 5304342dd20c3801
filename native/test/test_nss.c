/* SPDX-License-Identifier: Apache-2.0 */
/* The module as libc loads it, before a resolver that lies, drips, falls silent or is not there. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "liar.h"
#include "protocol.h"
#include "vector.h"

typedef enum nss_status getpwnam_fn(const char *, struct passwd *, char *, size_t, int *);
typedef enum nss_status getpwuid_fn(uid_t, struct passwd *, char *, size_t, int *);
typedef enum nss_status getpwent_fn(struct passwd *, char *, size_t, int *);
typedef enum nss_status setpwent_fn(int);
typedef enum nss_status initgroups_fn(const char *, gid_t, long *, long *, gid_t **, long, int *);

static getpwnam_fn *getpwnam_;
static getpwuid_fn *getpwuid_;
static getpwent_fn *getpwent_;
static setpwent_fn *setpwent_;
static initgroups_fn *initgroups_;
static struct liar liar;

static void *symbol(void *module, const char *name)
{
        void *found = dlsym(module, name);

        CHECK(found != NULL);
        return found;
}

static enum nss_status by_name(const char *name, struct passwd *ret_entry, int *ret_error)
{
        static char buffer[4096];

        *ret_error = 0;
        return getpwnam_(name, ret_entry, buffer, sizeof(buffer), ret_error);
}

static void set_answer(const uint8_t *bytes, size_t length)
{
        liar_say(&liar, bytes, length);
}

static int64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
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

static void takes_a_true_answer_at_the_second_try_with_more_room(void)
{
        uint8_t bytes[256];
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));
        struct passwd entry;
        char small[8];
        int error;

        set_answer(bytes, length);
        CHECK(getpwnam_("alice", &entry, small, sizeof(small), &error) == NSS_STATUS_TRYAGAIN);
        CHECK(error == ERANGE);
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_SUCCESS);
        CHECK(entry.pw_uid == 1950171475 && strcmp(entry.pw_dir, "/home/alice") == 0);
}

static void refuses_an_answer_about_somebody_else(void)
{
        struct passwd entry;
        char buffer[512];
        int error;

        CHECK(by_name("bob", &entry, &error) == NSS_STATUS_UNAVAIL);
        uint8_t bytes[256];
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));
        bytes[5] = IAMLOGIN_OP_PASSWD_BY_UID;
        set_answer(bytes, length);
        CHECK(getpwuid_(1950171476, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
        CHECK(getpwuid_(1950171475, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
}

/* Offsets of uid and gid in the vector: length 4, header 4, "alice" 2 + 5. */
static void never_takes_a_forbidden_id(void)
{
        const uint32_t forbidden[] = {0, 1, 100, 999, 1000, 65534, 65535, 4294967294, 4294967295};
        uint8_t bytes[256];
        struct passwd entry;
        int error;
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));

        for (size_t offset = 15; offset <= 19; offset += 4)
                for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
                        uint8_t lie[256];
                        memcpy(lie, bytes, length);
                        for (size_t b = 0; b < 4; b++)
                                lie[offset + b] = (uint8_t) (forbidden[i] >> (8 * b));
                        set_answer(lie, length);
                        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
                }
}

static void survives_every_truncation_and_every_flipped_byte(void)
{
        uint8_t bytes[256];
        struct passwd entry;
        int error;
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));

        for (size_t cut = 0; cut < length; cut++) {
                set_answer(bytes, cut);
                CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
        }
        for (size_t at = 0; at < length; at++)
                for (unsigned int flip = 1; flip < 256; flip <<= 1) {
                        uint8_t lie[256];
                        memcpy(lie, bytes, length);
                        lie[at] ^= (uint8_t) flip;
                        set_answer(lie, length);
                        if (by_name("alice", &entry, &error) == NSS_STATUS_SUCCESS)
                                CHECK(entry.pw_uid >= 1000 && entry.pw_gid >= 1000);
                }
}

static void tells_not_found_from_cannot_say(void)
{
        uint8_t bytes[256];
        struct passwd entry;
        int error;
        size_t length = read_vector("response-notfound", bytes, sizeof(bytes));

        set_answer(bytes, length);
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_NOTFOUND && error == ENOENT);
        bytes[6] = IAMLOGIN_STATUS_UNAVAIL;
        set_answer(bytes, length);
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
        set_answer(bytes, 0);
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
}

static void gives_up_at_the_deadline(void)
{
        uint8_t bytes[256];
        struct passwd entry;
        int error, wait_status;
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));

        set_answer(bytes, length);
        for (int way = 0; way < 2; way++) {
                liar.silent = way == 0;
                liar.drip = way == 1;
                /* A child each: a process that met a time-out asks nobody for a while. */
                pid_t child = fork();
                if (child == 0) {
                        int64_t before = now_ms();
                        enum nss_status status = by_name("alice", &entry, &error);
                        int64_t took = now_ms() - before;
                        CHECK(took < IAMLOGIN_LOOKUP_DEADLINE_MS + 1000);
                        if (way == 0)
                                CHECK(status == NSS_STATUS_UNAVAIL &&
                                      took >= IAMLOGIN_LOOKUP_DEADLINE_MS - 10);
                        _exit(0);
                }
                CHECK(waitpid(child, &wait_status, 0) == child && WIFEXITED(wait_status) &&
                      WEXITSTATUS(wait_status) == 0);
        }
        liar.silent = liar.drip = false;
}

static void bounds_what_it_reads(void)
{
        static uint8_t huge[65536];
        struct passwd entry;
        int error;

        memset(huge, 0xff, sizeof(huge));
        set_answer(huge, sizeof(huge));
        liar.endless = true;
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
        /* The largest frame that is allowed, never finished. */
        const uint8_t header[] = {0x00, 0x00, 0x40, 0x00, 1, IAMLOGIN_OP_PASSWD_BY_NAME, 0, 0};
        memcpy(huge, header, sizeof(header));
        set_answer(huge, sizeof(huge));
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
        liar.endless = false;
}

static void asks_nobody_about_what_cannot_be_ours(void)
{
        struct passwd entry;
        char buffer[256];
        int error;

        liar.silent = true; /* whoever asks would wait */
        int64_t before = now_ms();
        CHECK(by_name("root", &entry, &error) == NSS_STATUS_NOTFOUND);
        CHECK(by_name("", &entry, &error) == NSS_STATUS_NOTFOUND);
        CHECK(by_name("a name with spaces", &entry, &error) == NSS_STATUS_NOTFOUND);
        CHECK(getpwuid_(0, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(getpwuid_(33, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_NOTFOUND);
        CHECK(now_ms() - before < IAMLOGIN_LOOKUP_DEADLINE_MS);
        liar.silent = false;
}

static void keeps_the_resolver_from_asking_itself(void)
{
        struct passwd entry;
        int error;

        CHECK(setenv(IAMLOGIN_SELF_ENV, "1", 1) == 0);
        liar.silent = true;
        int64_t before = now_ms();
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
        CHECK(now_ms() - before < IAMLOGIN_LOOKUP_DEADLINE_MS);
        liar.silent = false;
        CHECK(unsetenv(IAMLOGIN_SELF_ENV) == 0);
}

static void adds_supplementary_groups_once(void)
{
        uint8_t bytes[256];
        long start = 0, size = 1;
        int error;
        gid_t *groups = malloc(sizeof(*groups));
        size_t length = read_vector("response-gids", bytes, sizeof(bytes));

        set_answer(bytes, length);
        CHECK(initgroups_("alice", 1950171475, &start, &size, &groups, -1, &error) == NSS_STATUS_SUCCESS);
        CHECK(start == 1 && groups[0] == 1929890698);
        CHECK(initgroups_("alice", 1950171475, &start, &size, &groups, -1, &error) == NSS_STATUS_SUCCESS);
        CHECK(start == 1);
        bytes[12] = bytes[13] = bytes[14] = bytes[15] = 0; /* the first gid becomes 0 */
        set_answer(bytes, length);
        CHECK(initgroups_("alice", 1, &start, &size, &groups, -1, &error) == NSS_STATUS_UNAVAIL);
        CHECK(start == 1);
        free(groups);
}

static void enumerates_without_end_only_when_the_source_is(void)
{
        /* A page that leads to itself: generation 1, next 1, one entry. */
        uint8_t page[256];
        uint8_t passwd[256];
        size_t entry_length = read_vector("response-passwd", passwd, sizeof(passwd)) - 8;
        struct passwd entry;
        char buffer[512];
        char small[4];
        int error;
        const uint8_t head[] = {0, 0, 0, 0, 1, IAMLOGIN_OP_PASSWD_LIST, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
                                0, 1, 0, 0, 0};

        memcpy(page, head, sizeof(head));
        memcpy(page + sizeof(head), passwd + 8, entry_length);
        page[0] = (uint8_t) (sizeof(head) - 4 + entry_length);
        set_answer(page, sizeof(head) + entry_length);
        CHECK(setpwent_(0) == NSS_STATUS_SUCCESS);
        CHECK(getpwent_(&entry, small, sizeof(small), &error) == NSS_STATUS_TRYAGAIN && error == ERANGE);
        CHECK(getpwent_(&entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        CHECK(strcmp(entry.pw_name, "alice") == 0);
        CHECK(getpwent_(&entry, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
        CHECK(setpwent_(0) == NSS_STATUS_SUCCESS);
}

static void *look_up_often(void *argument)
{
        (void) argument;
        for (int i = 0; i < 200; i++) {
                struct passwd entry;
                char buffer[512];
                int error;
                enum nss_status status = getpwnam_("alice", &entry, buffer, sizeof(buffer), &error);
                CHECK(status == NSS_STATUS_SUCCESS && entry.pw_uid == 1950171475);
        }
        return NULL;
}

static void serves_threads_and_children(void)
{
        uint8_t bytes[256];
        pthread_t threads[16];
        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));
        int status;

        set_answer(bytes, length);
        /* Before the threads: ASan's allocator, unlike glibc's, may be locked in a child forked amid them. */
        pid_t child = fork();
        if (child == 0) {
                look_up_often(NULL);
                _exit(0);
        }
        for (size_t i = 0; i < 16; i++)
                CHECK(pthread_create(&threads[i], NULL, look_up_often, NULL) == 0);
        for (size_t i = 0; i < 16; i++)
                CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void knows_at_once_that_nobody_listens(void)
{
        struct passwd entry;
        int error;

        int64_t before = now_ms();
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_UNAVAIL);
        CHECK(now_ms() - before < IAMLOGIN_LOOKUP_DEADLINE_MS);
}

static void answers_systemd_sysusers(void)
{
        char *name = program_invocation_short_name;
        uint8_t bytes[256], asked[16];
        char buffer[256];
        struct passwd entry;
        int error = 0;

        size_t length = read_vector("response-passwd", bytes, sizeof(bytes));
        liar_start(&liar);
        liar_say(&liar, bytes, length);
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_SUCCESS);
        program_invocation_short_name = (char *) "systemd-sysusers";
        int before = liar.count;
        CHECK(by_name("alice", &entry, &error) == NSS_STATUS_NOTFOUND && error == ENOENT);
        CHECK(liar.count == before);
        bytes[5] = IAMLOGIN_OP_PASSWD_BY_UID;
        liar_say(&liar, bytes, length);
        CHECK(getpwuid_(1950171475, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_SUCCESS);
        CHECK(liar_asked(&liar, asked, sizeof(asked)) > 5 && asked[5] == IAMLOGIN_OP_PASSWD_BY_UID);
        liar_stop(&liar);
        /* An outage lets it go on, and is one to everybody else. */
        CHECK(by_name("svcq1", &entry, &error) == NSS_STATUS_NOTFOUND && error == ENOENT);
        CHECK(getpwuid_(1950171475, &entry, buffer, sizeof(buffer), &error) == NSS_STATUS_UNAVAIL);
        CHECK(error == ENOENT);
        program_invocation_short_name = name;
        CHECK(by_name("svcq1", &entry, &error) == NSS_STATUS_UNAVAIL && error != ENOENT);
}

int main(void)
{
        void *module = dlopen(MODULE, RTLD_NOW);

        CHECK(module != NULL);
        getpwnam_ = (getpwnam_fn *) symbol(module, "_nss_iamlogin_getpwnam_r");
        getpwuid_ = (getpwuid_fn *) symbol(module, "_nss_iamlogin_getpwuid_r");
        getpwent_ = (getpwent_fn *) symbol(module, "_nss_iamlogin_getpwent_r");
        setpwent_ = (setpwent_fn *) symbol(module, "_nss_iamlogin_setpwent");
        initgroups_ = (initgroups_fn *) symbol(module, "_nss_iamlogin_initgroups_dyn");
        int descriptors = count_descriptors();
        liar_start(&liar);
        takes_a_true_answer_at_the_second_try_with_more_room();
        refuses_an_answer_about_somebody_else();
        never_takes_a_forbidden_id();
        survives_every_truncation_and_every_flipped_byte();
        tells_not_found_from_cannot_say();
        bounds_what_it_reads();
        adds_supplementary_groups_once();
        enumerates_without_end_only_when_the_source_is();
        serves_threads_and_children();
        gives_up_at_the_deadline();
        asks_nobody_about_what_cannot_be_ours();
        keeps_the_resolver_from_asking_itself();
        liar_stop(&liar);
        CHECK(count_descriptors() == descriptors);
        knows_at_once_that_nobody_listens();
        answers_systemd_sysusers();
        return 0;
}
