/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as keys.db -> every way to read it, the sums taken as right. An input that begins with an
 * even byte edits the true file, five bytes an edit: offset and value; else it is the file.
 * By hand: build/Test/test/fuzz_keys -max_total_time=600
 */
#include <stdlib.h>
#include <string.h>

#include "../common/keys-file.c"
#include "../test/vector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t truth[65536];
static size_t truth_length;

static void read_all(const uint8_t *bytes, size_t length)
{
        static const struct {
                const char *name;
                uint32_t uid;
        } accounts[] = {{"alice", 2026798591}, {"bob", 0}, {"ec2-user", 1000}, {"", 0}};
        struct keys_file file;
        struct known_keys keys;
        struct known_key key;
        int64_t now_ms;
        volatile char seen = 0;

        if (keys_file_check(bytes, length, &file) < 0)
                return;
        (void) keys_file_now(&file, &now_ms);
        for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
                if (keys_file_find(&file, accounts[i].name, accounts[i].uid, &keys) < 0)
                        continue;
                while (keys_file_next(&keys, &key) == 0)
                        for (uint16_t at = 0; at < key.line.length; at++)
                                seen = key.line.data[at];
        }
        free(file.record);
        (void) seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (truth_length == 0)
                truth_length = read_vector("keys-db-lasting", truth, sizeof(truth));
        if (size == 0)
                return 0;
        size_t length = data[0] % 2 != 0 ? size - 1 : truth_length;
        uint8_t *bytes = malloc(length == 0 ? 1 : length); /* ASan sees a read past its end */
        if (bytes == NULL)
                return 0;
        memcpy(bytes, data[0] % 2 != 0 ? data + 1 : truth, length);
        if (data[0] % 2 == 0)
                for (size_t at = 1; at + 5 <= size; at += 5)
                        bytes[load32(data + at) % truth_length] = data[at + 4];
        read_all(bytes, length);
        free(bytes);
        return 0;
}
