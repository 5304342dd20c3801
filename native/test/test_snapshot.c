/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of directory.db before the writer's vector: whole, cut at every length, every bit
 * flipped, and mutated at random (argument: how many times; 10^6 takes about a minute). Whatever the bytes:
 * no read outside of them, and a record that is found is the true one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "enumerate.h"
#include "lookup.h"
#include "protocol.h"
#include "record.h"
#include "snapshot.h"
#include "vector.h"

static uint8_t truth[65536];
static size_t truth_length;
static uint32_t alice_uid;

static struct snapshot_layout layout;

/* No room: each record is a heap block of its own length, so that ASan sees a read past its end. */
static struct snapshot_record record = {.room = NULL};

/* Of bytes that hold. */
static struct snapshot view_of(const uint8_t *bytes, size_t length)
{
        CHECK(snapshot_check(bytes, length, &layout) == 0);
        return (struct snapshot){bytes, length, &layout, HOLD_NONE};
}

static int find_user(const struct snapshot *snapshot, const char *name, struct passwd_record *ret_record)
{
        int r = snapshot_find_name(snapshot, SNAPSHOT_PASSWD_BY_NAME, name, &record);

        return r < 0 ? r : decode_passwd(&record.payload, ret_record);
}

static void finds_who_is_there_and_nobody_else(void)
{
        struct snapshot snapshot = view_of(truth, truth_length);
        struct passwd_record user;
        struct group_record group;

        CHECK(find_user(&snapshot, "alice", &user) == 0 && user.name.length == 5);
        alice_uid = user.uid;
        CHECK(find_user(&snapshot, "carol", &user) == 0);
        CHECK(find_user(&snapshot, "dave", &user) == -ENOENT);
        CHECK(find_user(&snapshot, "", &user) == -ENOENT);
        CHECK(snapshot_find_id(&snapshot, SNAPSHOT_PASSWD_BY_UID, alice_uid, &record) == 0);
        CHECK(decode_passwd(&record.payload, &user) == 0 && memcmp(user.name.data, "alice", 5) == 0);
        CHECK(snapshot_find_id(&snapshot, SNAPSHOT_PASSWD_BY_UID, 0, &record) == -ENOENT);
        CHECK(snapshot_find_name(&snapshot, SNAPSHOT_GROUP_BY_NAME, "developers", &record) == 0);
        CHECK(decode_group(&record.payload, &group) == 0 && group.count == 3);
}

static void lists_everybody_in_order(void)
{
        static const char *const names[] = {"alice", "bob", "carol"};
        struct snapshot snapshot = view_of(truth, truth_length);
        struct passwd_record user;
        struct group_record group;

        for (uint32_t i = 0; i < 3; i++) {
                CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_PASSWD, i, 0, &record) == 0);
                CHECK(decode_passwd(&record.payload, &user) == 0 && user.name.length == strlen(names[i]) &&
                      memcmp(user.name.data, names[i], user.name.length) == 0);
        }
        CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_PASSWD, 3, 0, &record) == -ENOENT);
        for (uint32_t i = 0; i < 5; i++)
                CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_GROUPS, i, 0, &record) == 0 &&
                      decode_group(&record.payload, &group) == 0);
        CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_GROUPS, 5, 0, &record) == -ENOENT);
        CHECK(snapshot_entry(&snapshot, SNAPSHOT_ALL_GROUPS, UINT32_MAX, 0, &record) == -ENOENT);
}

static void knows_who_is_never_ours(void)
{
        struct snapshot snapshot = view_of(truth, truth_length);

        CHECK(snapshot_generation(&snapshot) == 7);
        CHECK(snapshot_covers_id(&snapshot, alice_uid) && !snapshot_covers_id(&snapshot, 1000));
        CHECK(!snapshot_covers_id(&snapshot, 2147483648u));
        CHECK(snapshot_is_local_name(&snapshot, "postgres") && !snapshot_is_local_name(&snapshot, "alice"));
}

/* Any bytes: either they are refused, or what is found about alice is true. */
static void is_never_fooled(const uint8_t *bytes, size_t length)
{
        struct snapshot snapshot = {bytes, length, &layout, HOLD_NONE};
        struct passwd_record user;
        struct group_record group;

        if (snapshot_check(bytes, length, &layout) < 0)
                return;
        if (find_user(&snapshot, "alice", &user) == 0)
                CHECK(user.uid == alice_uid && user.gid == alice_uid);
        if (snapshot_find_id(&snapshot, SNAPSHOT_PASSWD_BY_UID, alice_uid, &record) == 0 &&
            decode_passwd(&record.payload, &user) == 0)
                CHECK(user.name.length == 5 && memcmp(user.name.data, "alice", 5) == 0);
        if (snapshot_find_name(&snapshot, SNAPSHOT_GROUP_BY_NAME, "iamlogin-sudo", &record) == 0 &&
            decode_group(&record.payload, &group) == 0)
                CHECK(group.count == 3);
        (void) snapshot_find_id(&snapshot, SNAPSHOT_GROUP_BY_GID, alice_uid, &record);
        CHECK(!snapshot_is_local_name(&snapshot, "alice"));
        for (uint32_t i = 0; i < 3; i++)
                if (snapshot_entry(&snapshot, SNAPSHOT_ALL_PASSWD, i, 0, &record) == 0 &&
                    decode_passwd(&record.payload, &user) == 0)
                        CHECK(user.uid == user.gid);
        snapshot_record_clear(&record);
}

static void survives_every_truncation(void)
{
        for (size_t cut = 0; cut < truth_length; cut++) {
                uint8_t *exact = malloc(cut + 1); /* ASan sees a read past its end */
                CHECK(exact != NULL);
                memcpy(exact, truth, cut);
                CHECK(snapshot_check(exact, cut, &layout) == -EBADMSG);
                free(exact);
        }
}

static void survives_every_flipped_bit(void)
{
        uint8_t *bytes = malloc(truth_length);

        CHECK(bytes != NULL);
        memcpy(bytes, truth, truth_length);
        for (size_t bit = 0; bit < truth_length * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
                is_never_fooled(bytes, truth_length);
                bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
        }
        free(bytes);
}

static uint32_t next_random(uint32_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}

static void survives_mutations(long count)
{
        uint8_t *bytes = malloc(truth_length);
        uint32_t random = 0x1a2b3c4d;

        CHECK(bytes != NULL);
        for (long i = 0; i < count; i++) {
                memcpy(bytes, truth, truth_length);
                for (uint32_t changes = 1 + next_random(&random) % 8; changes > 0; changes--) {
                        /* The header would be refused by its sum: mutate what lies behind it. */
                        size_t at = SNAPSHOT_HEADER + next_random(&random) % (truth_length - SNAPSHOT_HEADER);
                        size_t from = next_random(&random) % truth_length;
                        size_t length = 1 + next_random(&random) % 8;
                        if (next_random(&random) % 2 == 0)
                                bytes[at] = (uint8_t) next_random(&random);
                        else if (at + length <= truth_length && from + length <= truth_length)
                                memmove(bytes + at, bytes + from, length);
                }
                is_never_fooled(bytes, truth_length);
        }
        free(bytes);
}

static char folder[] = "/tmp/iamlogin-snapshot-XXXXXX";

static void put_file(const uint8_t *bytes, size_t length, mode_t mode)
{
        char path[128], temporary[128];
        const uint32_t superseded = 1;

        snprintf(path, sizeof(path), "%s/directory.db", folder);
        snprintf(temporary, sizeof(temporary), "%s/new", folder);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(fd >= 0 && write(fd, bytes, length) == (ssize_t) length && fchmod(fd, mode) == 0);
        close(fd);
        int old = open(path, O_WRONLY | O_CLOEXEC);
        CHECK(rename(temporary, path) == 0);
        if (old >= 0) {
                CHECK(pwrite(old, &superseded, sizeof(superseded), 8) == sizeof(superseded));
                close(old);
        }
}

static int look_up_alice(void)
{
        struct passwd entry;
        char buffer[512];

        int r = lookup_passwd_by_name("alice", buffer, sizeof(buffer), &entry);
        if (r == 0)
                CHECK(entry.pw_uid == alice_uid && strcmp(entry.pw_dir, "/home/alice") == 0);
        return r;
}

static void takes_only_files_that_can_be_trusted(void)
{
        CHECK(look_up_alice() == -ECONNREFUSED); /* no file, no resolver */
        put_file(truth, truth_length, 0666);
        CHECK(look_up_alice() == -ECONNREFUSED);
        put_file(truth, truth_length / 2, 0644);
        CHECK(look_up_alice() == -ECONNREFUSED);
        if (geteuid() == 0) {
                char path[128];
                snprintf(path, sizeof(path), "%s/directory.db", folder);
                put_file(truth, truth_length, 0644);
                CHECK(chown(path, 4242, 4242) == 0); /* neither root nor the folder's owner */
                CHECK(look_up_alice() == -ECONNREFUSED);
                CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
                CHECK(look_up_alice() == -ECONNREFUSED);
                CHECK(unlink(path) == 0 && mkfifo(path, 0644) == 0);
                CHECK(look_up_alice() == -ECONNREFUSED);
                CHECK(unlink(path) == 0);
        } else {
                puts("test_snapshot: not root: files of another owner were not tried");
        }
        put_file(truth, truth_length, 0644);
        CHECK(look_up_alice() == 0);
        /* A bad successor leaves the last good one in place. */
        put_file(truth, truth_length / 2, 0644);
        CHECK(look_up_alice() == 0);
        put_file(truth, truth_length, 0644);
        CHECK(look_up_alice() == 0);
}

enum remains { REMOVED, SPOILT, NOT_YET_SPOILT, REMAINS };

/* As the resolver does with a file that it can't replace: it removes it, or spoils it in place. */
static void withdraw(enum remains remains)
{
        static const uint8_t zeros[8] = {0};
        const uint32_t withdrawn = 2;
        char path[128];

        snprintf(path, sizeof(path), "%s/directory.db", folder);
        int old = open(path, O_WRONLY | O_CLOEXEC);
        CHECK(old >= 0);
        if (remains == REMOVED)
                CHECK(unlink(path) == 0);
        if (remains == SPOILT)
                CHECK(pwrite(old, zeros, sizeof(zeros), 0) == sizeof(zeros));
        CHECK(pwrite(old, &withdrawn, sizeof(withdrawn), 8) == sizeof(withdrawn));
        close(old);
}

static void reads_no_file_that_was_withdrawn(void)
{
        for (enum remains remains = REMOVED; remains < REMAINS; remains++) {
                put_file(truth, truth_length, 0644);
                CHECK(look_up_alice() == 0);
                withdraw(remains);
                CHECK(look_up_alice() == -ECONNREFUSED);
                CHECK(look_up_alice() == -ECONNREFUSED);
                put_file(truth, truth_length, 0644);
                CHECK(look_up_alice() == 0);
        }
}

/* Nobody listens: an answer that is no "cannot say" came from the file alone. */
static void answers_misses_alone_where_it_may(void)
{
        struct passwd user;
        struct group group;
        struct gid_list gids = GID_LIST_EMPTY;
        char buffer[512];

        CHECK(lookup_passwd_by_name("postgres", buffer, sizeof(buffer), &user) == -ENOENT);
        CHECK(lookup_group_by_name("postgres", buffer, sizeof(buffer), &group) == -ENOENT);
        CHECK(lookup_initgroups("postgres", &gids) == -ENOENT);
        CHECK(lookup_passwd_by_uid(5000, buffer, sizeof(buffer), &user) == -ENOENT);
        CHECK(lookup_group_by_gid(2147483648u, buffer, sizeof(buffer), &group) == -ENOENT);
        CHECK(lookup_passwd_by_name("stranger", buffer, sizeof(buffer), &user) == -ECONNREFUSED);
        CHECK(lookup_passwd_by_uid(alice_uid + 1, buffer, sizeof(buffer), &user) == -ECONNREFUSED);
}

/* From one file to its end, although another takes its place meanwhile. */
static void lists_one_file_to_its_end(void)
{
        struct enumeration enumeration = ENUMERATION_EMPTY;
        struct passwd_record user;
        struct reader entry;
        int count = 0;

        for (; enumeration_peek(&enumeration, IAMLOGIN_OP_PASSWD_LIST, &entry) == 0; count++) {
                CHECK(decode_passwd(&entry, &user) == 0);
                enumeration_advance(&enumeration, &entry);
                put_file(truth, truth_length, 0644);
        }
        CHECK(count == 3);
        CHECK(enumeration_peek(&enumeration, IAMLOGIN_OP_PASSWD_LIST, &entry) == -ENOENT);
        enumeration_clear(&enumeration);
        CHECK(enumeration_peek(&enumeration, IAMLOGIN_OP_GROUP_LIST, &entry) == 0);
        enumeration_clear(&enumeration);
        CHECK(look_up_alice() == 0);
}

static atomic_bool stop;

static void *look_up_until_stopped(void *argument)
{
        long *count = argument;

        while (!atomic_load(&stop)) {
                CHECK(look_up_alice() == 0);
                ++*count;
        }
        return NULL;
}

static void serves_threads_and_children_while_files_are_replaced(void)
{
        pthread_t threads[8];
        long counts[8] = {0};
        int status;

        for (size_t i = 0; i < 8; i++)
                CHECK(pthread_create(&threads[i], NULL, look_up_until_stopped, &counts[i]) == 0);
        for (int i = 0; i < 2000; i++) {
                put_file(truth, truth_length, 0644);
                if (i % 100 == 0) {
                        pid_t child = fork();
                        if (child == 0) {
                                for (int each = 0; each < 100; each++)
                                        CHECK(look_up_alice() == 0);
                                _exit(0);
                        }
                        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                              WEXITSTATUS(status) == 0);
                }
        }
        atomic_store(&stop, true);
        for (size_t i = 0; i < 8; i++) {
                CHECK(pthread_join(threads[i], NULL) == 0);
                CHECK(counts[i] > 0);
        }
}

int main(int argc, char **argv)
{
        char path[128];

        truth_length = read_vector("directory-db", truth, sizeof(truth));
        finds_who_is_there_and_nobody_else();
        lists_everybody_in_order();
        knows_who_is_never_ours();
        survives_every_truncation();
        survives_every_flipped_bit();
        snapshot_record_clear(&record);
        survives_mutations(argc > 1 ? atol(argv[1]) : 100000);
        CHECK(mkdtemp(folder) != NULL);
        CHECK(setenv("IAMLOGIN_STATE_DIR", folder, 1) == 0 && setenv("IAMLOGIN_RUNTIME_DIR", folder, 1) == 0);
        takes_only_files_that_can_be_trusted();
        reads_no_file_that_was_withdrawn();
        answers_misses_alone_where_it_may();
        lists_one_file_to_its_end();
        serves_threads_and_children_while_files_are_replaced();
        snprintf(path, sizeof(path), "%s/directory.db", folder);
        unlink(path);
        rmdir(folder);
        return 0;
}
