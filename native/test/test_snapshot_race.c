/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file's owner writes to it while others look up: a process turns alice's record into that of
 * "ro:t1" and back, each time with a right sum, as fast as it can. Whoever is answered is one of the
 * two whole records, and never a name that breaks passwd(5).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "host.h"
#include "lookup.h"
#include "snapshot.h"
#include "sum.h"
#include "vector.h"

enum { RECORD_HEADER = 8, LOOKUPS = 50000 };

static uint8_t truth[8192];
static size_t truth_length;

static uint32_t record_of_alice(void)
{
        static const uint8_t start[] = {5, 0, 'a', 'l', 'i', 'c', 'e'};

        for (size_t at = SNAPSHOT_HEADER; at + sizeof(start) < truth_length; at += 4)
                if (memcmp(truth + at + RECORD_HEADER, start, sizeof(start)) == 0)
                        return (uint32_t) at;
        CHECK(false);
        return 0;
}

/* The record's bytes with that name, up to the padding; gives their count. */
static size_t variant(uint32_t record, const char name[5], uint8_t bytes[1024])
{
        size_t length = load32(truth + record + 4) + RECORD_HEADER;

        CHECK(length <= 1024);
        memcpy(bytes, truth + record, length);
        memcpy(bytes + RECORD_HEADER + 2, name, 5);
        uint32_t sum = sum_of(bytes + 4, length - 4);
        for (size_t i = 0; i < 4; i++)
                bytes[i] = (uint8_t) (sum >> 8 * i);
        return length;
}

static void write_to_and_fro(volatile uint8_t *at)
{
        uint32_t record = record_of_alice();
        uint8_t good[1024], bad[1024];
        (void) variant(record, "alice", good);

        (void) variant(record, "ro:t1", bad);
        for (bool is_good = false;; is_good = !is_good) {
                const uint8_t *from = is_good ? good : bad;
                for (size_t i = 0; i < 4; i++)
                        at[record + i] = from[i];
                for (size_t i = 0; i < 5; i++)
                        at[record + RECORD_HEADER + 2 + i] = from[RECORD_HEADER + 2 + i];
        }
}

static pid_t start_writer(void)
{
        char path[128];
        pid_t child = fork();

        if (child != 0)
                return child;
        snprintf(path, sizeof(path), "%s/directory.db", host_folder());
        int fd = open(path, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0);
        uint8_t *at = mmap(NULL, truth_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK(at != MAP_FAILED);
        write_to_and_fro(at);
        _exit(0);
}

static void answers_with_whole_records_alone(uint32_t uid)
{
        struct passwd user;
        char buffer[1024];
        long hits = 0, refusals = 0;

        for (long i = 0; i < LOOKUPS; i++) {
                int r = lookup_passwd_by_uid(uid, buffer, sizeof(buffer), &user);
                if (r == 0) {
                        CHECK(strcmp(user.pw_name, "alice") == 0 && user.pw_uid == uid);
                        hits++;
                } else {
                        CHECK(r == -ECONNREFUSED); /* damaged, and no resolver to ask */
                        refusals++;
                }
                struct gid_list gids = GID_LIST_EMPTY;
                r = lookup_initgroups("alice", &gids);
                CHECK(r == 0 || r == -ECONNREFUSED);
                gid_list_clear(&gids);
        }
        /* Else the two did not meet, and the test says nothing. */
        CHECK(hits > 0 && refusals > 0);
}

int main(void)
{
        int status;

        host_start();
        CHECK(setenv("IAMLOGIN_RUNTIME_DIR", host_folder(), 1) == 0);
        truth_length = read_vector("directory-db", truth, sizeof(truth));
        host_publish("directory-db");
        uint32_t record = record_of_alice();
        uint32_t uid = load32(truth + record + RECORD_HEADER + 7);
        pid_t writer = start_writer();
        answers_with_whole_records_alone(uid);
        CHECK(kill(writer, SIGKILL) == 0 && waitpid(writer, &status, 0) == writer);
        host_stop();
        return 0;
}
