/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Never writes past a cursor's end. */
#include "bytes.h"

#include <errno.h>
#include <string.h>

static int put(struct writer *writer, const void *data, size_t size)
{
        if ((size_t) (writer->end - writer->at) < size)
                return -EMSGSIZE;
        if (size > 0)
                memcpy(writer->at, data, size);
        writer->at += size;
        return 0;
}

int write_u32(struct writer *writer, uint32_t value)
{
        unsigned char bytes[4] = {(unsigned char) value, (unsigned char) (value >> 8),
                                  (unsigned char) (value >> 16), (unsigned char) (value >> 24)};

        return put(writer, bytes, sizeof(bytes));
}

int write_u64(struct writer *writer, uint64_t value)
{
        int r = write_u32(writer, (uint32_t) value);

        return r < 0 ? r : write_u32(writer, (uint32_t) (value >> 32));
}

int write_str(struct writer *writer, const char *value)
{
        size_t length = strlen(value);
        unsigned char bytes[2] = {(unsigned char) length, (unsigned char) (length >> 8)};

        if (length > UINT16_MAX)
                return -EMSGSIZE;
        int r = put(writer, bytes, sizeof(bytes));
        return r < 0 ? r : put(writer, value, length);
}
