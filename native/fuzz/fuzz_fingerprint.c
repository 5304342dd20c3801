/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a key's blob: as they are, after the type of a certificate so that the parser is reached,
 * and as the lengths of sound fields after it.
 * By hand: build/Test/test/fuzz_fingerprint -max_total_time=600
 */
#include <stdlib.h>
#include <string.h>

#include "../common/fingerprint.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const uint8_t *bytes, size_t length)
{
        uint8_t *copy = malloc(length == 0 ? 1 : length); /* ASan sees a read past its end */
        struct fingerprint found = {.text = ""};

        if (copy == NULL)
                return;
        memcpy(copy, bytes, length);
        size_t left = open_certificate(copy, length, &found);
        if (left > length || (!found.is_certificate && (left != length || memcmp(copy, bytes, length) != 0)))
                abort();
        if (memchr(found.certificate_id, '\0', CERTIFICATE_ID_SIZE) == NULL)
                abort();
        free(copy);
}

static size_t build(const uint8_t *data, size_t size, uint8_t *bytes, size_t max)
{
        const char *type = kinds[data[0] / 2 % (sizeof(kinds) / sizeof(kinds[0]))].certificate;
        size_t length = strlen(type);

        memset(bytes, 0, 4);
        bytes[3] = (uint8_t) length;
        memcpy(bytes + 4, type, length);
        length += 4;
        size_t rest = size - 1 < max - length ? size - 1 : max - length;
        memcpy(bytes + length, data + 1, rest);
        return length + rest;
}

/* Sound fields of any sizes: half of the input's bytes are lengths. */
static size_t compose(const uint8_t *data, size_t size, uint8_t *bytes, size_t max)
{
        size_t length = build(data, 1, bytes, max);

        for (size_t i = 1; i < size && length + 4 + data[i] <= max; i++) {
                memset(bytes + length, 0, 4);
                bytes[length + 3] = data[i];
                memset(bytes + length + 4, data[i], data[i]);
                length += 4 + (size_t) data[i];
        }
        return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t bytes[FINGERPRINT_INPUT_MAX];
        struct fingerprint found;

        if (size == 0)
                return 0;
        judge(data, size);
        judge(bytes, data[0] % 2 != 0 ? build(data, size, bytes, sizeof(bytes))
                                      : compose(data, size, bytes, sizeof(bytes)));
        char *text = strndup((const char *) data, size);
        if (text == NULL)
                return 0;
        fingerprint_of(text, &found);
        free(text);
        return 0;
}
