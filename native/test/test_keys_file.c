/* SPDX-License-Identifier: Apache-2.0 */
/* keys.db: every truncation and every flipped bit is a miss or the truth, never another key. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"
#include "host.h"
#include "keys-file.h"
#include "sum.h"
#include "vector.h"

enum { ALICE = 2026798591 };

static uint8_t truth[8192];
static size_t truth_length;

static bool view_is(const struct view *view, const char *text)
{
        return view->length == strlen(text) && memcmp(view->data, text, view->length) == 0;
}

static void reads_what_the_resolver_wrote(void)
{
        struct keys_file file;
        struct known_keys keys;
        struct known_key key;

        CHECK(keys_file_check(truth, truth_length, &file) == 0);
        CHECK(keys_file_find(&file, "alice", ALICE, &keys) == 0);
        CHECK(keys.kind == KEYS_OF_PERSON && keys.count == 2);
        CHECK(keys_file_next(&keys, &key) == 0 && view_is(&key.id, "APKA0"));
        CHECK(view_is(&key.iam_user, "alice") && view_is(&key.user_id, "AIDAalice"));
        CHECK(view_is(&key.arn, "arn:aws:iam::123456789012:user/alice"));
        CHECK(keys_file_next(&keys, &key) == 0 && view_is(&key.id, "tag:iamlogin:ssh-key"));
        CHECK(keys_file_next(&keys, &key) == -ENOENT);
        CHECK(keys_file_find(&file, "alice", ALICE + 1, &keys) == -ENOENT);
        CHECK(keys_file_find(&file, "alic", ALICE, &keys) == -ENOENT);
        CHECK(keys_file_find(&file, "outsider", ALICE, &keys) == -ENOENT);
        CHECK(keys_file_find(&file, "ec2-user", 1000, &keys) == 0 && keys.kind == KEYS_OF_SHARED);
        free(file.record);
}

/* What a copy gives for alice: nothing, or a part of the truth. */
static void expect_truth_or_nothing(const uint8_t *bytes, size_t length)
{
        struct keys_file file = KEYS_FILE_EMPTY;
        struct known_keys keys;
        struct known_key key;
        bool is_found = keys_file_check(bytes, length, &file) == 0 &&
                        keys_file_find(&file, "alice", ALICE, &keys) == 0;

        CHECK(!is_found || keys.count == 2);
        while (is_found && keys_file_next(&keys, &key) == 0)
                CHECK(view_is(&key.user_id, "AIDAalice") && key.line.length > 60 &&
                      memcmp(key.line.data, "ssh-ed25519 AAAA", 16) == 0);
        free(file.record);
}

/* The owner of the file has it mapped too, and writes after the record was found. */
static void gives_a_copy_that_nobody_changes(void)
{
        struct keys_file file;
        struct known_keys keys;
        struct known_key key;
        uint8_t bytes[sizeof(truth)];

        memcpy(bytes, truth, truth_length);
        CHECK(keys_file_check(bytes, truth_length, &file) == 0);
        CHECK(keys_file_find(&file, "alice", ALICE, &keys) == 0);
        memset(bytes, 'x', truth_length);
        CHECK(keys_file_next(&keys, &key) == 0 && view_is(&key.id, "APKA0"));
        CHECK(key.line.length > 60 && memcmp(key.line.data, "ssh-ed25519 AAAA", 16) == 0);
        CHECK(keys_file_find(&file, "alice", ALICE, &keys) == -EBADMSG);
        free(file.record);
}

static void put32(uint8_t *at, uint32_t value)
{
        for (size_t i = 0; i < 4; i++)
                at[i] = (uint8_t) (value >> 8 * i);
}

static void set_count(uint8_t *bytes, uint32_t count)
{
        put32(bytes + 12, count);
        put32(bytes + 8, sum_of(bytes + 12, KEYS_FILE_HEADER - 12));
}

/* Valid by every sum, and more than any resolver writes. */
static void bounds_the_records_and_their_length(void)
{
        size_t size = KEYS_FILE_HEADER + 8 + (size_t) KEYS_RECORD_MAX + 4;
        uint8_t *bytes = calloc(1, size);
        struct keys_file file;
        struct known_keys keys;

        CHECK(bytes != NULL);
        memcpy(bytes, truth, KEYS_FILE_HEADER);
        put32(bytes + 16, (uint32_t) size);
        set_count(bytes, KEYS_RECORDS_MAX + 1);
        CHECK(keys_file_check(bytes, size, &file) == -EBADMSG);
        set_count(bytes, 1);
        CHECK(keys_file_check(bytes, size, &file) == 0);
        uint8_t *record = bytes + KEYS_FILE_HEADER;
        record[8] = 5;
        memcpy(record + 10, "alice", 5);
        put32(record + 15, ALICE);
        put32(record + 4, KEYS_RECORD_MAX + 4);
        put32(record, sum_of(record + 4, (size_t) KEYS_RECORD_MAX + 8));
        CHECK(keys_file_find(&file, "alice", ALICE, &keys) == -EBADMSG && file.record == NULL);
        put32(record + 4, KEYS_RECORD_MAX);
        put32(record, sum_of(record + 4, (size_t) KEYS_RECORD_MAX + 4));
        CHECK(keys_file_find(&file, "alice", ALICE, &keys) == 0 && keys.count == 0);
        free(file.record);
        free(bytes);
}

/* `until` counts from when the file was written, whatever the wall clock was set to since. */
static void tells_the_time_by_when_it_was_written(void)
{
        struct keys_file file = {.written_at = {.wall_ms = 5000000,
                                                .boottime_ms = clock_ms(CLOCK_BOOTTIME) - 100,
                                                .boot = HOST_BOOT}};
        int64_t now_ms;

        host_pass_time(1000);
        host_step_wall_clock(-86400000);
        CHECK(keys_file_now(&file, &now_ms) == 0 && now_ms >= 5001100 && now_ms < 5061100);
        file.written_at.boot++;
        file.written_at.wall_ms = clock_ms(CLOCK_REALTIME) + 60000;
        CHECK(keys_file_now(&file, &now_ms) == -ESTALE);
        host_step_wall_clock(86400000);
        CHECK(keys_file_now(&file, &now_ms) == 0 && now_ms >= clock_ms(CLOCK_REALTIME) - 60000);
        file.written_at = (struct moment){.wall_ms = INT64_MAX, .boottime_ms = 0, .boot = HOST_BOOT};
        CHECK(keys_file_now(&file, &now_ms) == -ESTALE);
}

/* The version before had no time in its header: PAM and the key command do without it. */
static void takes_no_file_of_another_version(void)
{
        struct keys_file file;
        uint8_t bytes[sizeof(truth)];

        memcpy(bytes, truth, truth_length);
        for (uint8_t version = '0'; version <= '9'; version++) {
                bytes[7] = version;
                CHECK(keys_file_check(bytes, truth_length, &file) == (version == '2' ? 0 : -EBADMSG));
        }
}

static void survives_any_damage(void)
{
        struct keys_file file;

        for (size_t length = 0; length < truth_length; length++) {
                uint8_t *part = malloc(length == 0 ? 1 : length); /* ASan sees a read past its end */
                CHECK(part != NULL);
                memcpy(part, truth, length);
                CHECK(keys_file_check(part, length, &file) == -EBADMSG);
                free(part);
        }
        for (size_t bit = 0; bit < truth_length * 8; bit++) {
                uint8_t *copy = malloc(truth_length);
                CHECK(copy != NULL);
                memcpy(copy, truth, truth_length);
                copy[bit / 8] = (uint8_t) (copy[bit / 8] ^ 1u << bit % 8);
                expect_truth_or_nothing(copy, truth_length);
                free(copy);
        }
}

static void opens_only_what_it_may_trust(void)
{
        struct keys_file file = KEYS_FILE_EMPTY;
        char path[128], other[128];

        snprintf(path, sizeof(path), "%s/keys.db", host_folder());
        snprintf(other, sizeof(other), "%s/other", host_folder());
        CHECK(keys_file_open(&file) == -ENOENT);
        host_write("keys.db", truth, truth_length);
        CHECK(keys_file_open(&file) == 0 && file.size == truth_length);
        keys_file_close(&file);
        keys_file_close(&file);
        CHECK(chmod(path, 0664) == 0 && keys_file_open(&file) == -EPERM);
        CHECK(chmod(path, 0646) == 0 && keys_file_open(&file) == -EPERM);
        CHECK(chmod(path, 0600) == 0 && keys_file_open(&file) == 0);
        keys_file_close(&file);
        if (geteuid() == 0) {
                CHECK(chown(path, 4242, 0) == 0 && keys_file_open(&file) == -EPERM);
                CHECK(chown(host_folder(), 4242, 0) == 0 && keys_file_open(&file) == 0);
                keys_file_close(&file);
        }
        host_write("keys.db", truth, truth_length - 4);
        CHECK(keys_file_open(&file) == -EBADMSG);
        host_write("keys.db", "", 0);
        CHECK(keys_file_open(&file) == -EBADMSG);
        host_write("other", truth, truth_length);
        CHECK(unlink(path) == 0 && symlink(other, path) == 0 && keys_file_open(&file) == -ELOOP);
        CHECK(unlink(path) == 0 && mkfifo(path, 0600) == 0 && keys_file_open(&file) == -EPERM);
}

int main(void)
{
        host_start();
        truth_length = read_vector("keys-db-lasting", truth, sizeof(truth));
        reads_what_the_resolver_wrote();
        takes_no_file_of_another_version();
        tells_the_time_by_when_it_was_written();
        survives_any_damage();
        gives_a_copy_that_nobody_changes();
        bounds_the_records_and_their_length();
        opens_only_what_it_may_trust();
        host_stop();
        return 0;
}
