/* SPDX-License-Identifier: Apache-2.0 */
/* Loaded into every process that resolves a user. Never reads past a cursor's end. */
#include "bytes.h"

#include <errno.h>
#include <string.h>

static size_t left(const struct reader *reader)
{
        return (size_t) (reader->end - reader->at);
}

int read_u8(struct reader *reader, uint8_t *ret_value)
{
        if (left(reader) < 1)
                return -EBADMSG;
        *ret_value = *reader->at++;
        return 0;
}

int read_u32(struct reader *reader, uint32_t *ret_value)
{
        if (left(reader) < 4)
                return -EBADMSG;
        *ret_value = (uint32_t) reader->at[0] | (uint32_t) reader->at[1] << 8 |
                     (uint32_t) reader->at[2] << 16 | (uint32_t) reader->at[3] << 24;
        reader->at += 4;
        return 0;
}

int read_u64(struct reader *reader, uint64_t *ret_value)
{
        uint32_t low, high;

        if (left(reader) < 8)
                return -EBADMSG;
        if (read_u32(reader, &low) < 0 || read_u32(reader, &high) < 0)
                return -EBADMSG;
        *ret_value = (uint64_t) high << 32 | low;
        return 0;
}

int read_str(struct reader *reader, struct view *ret_value)
{
        uint16_t length;

        if (left(reader) < 2)
                return -EBADMSG;
        length = (uint16_t) (reader->at[0] | reader->at[1] << 8);
        if (left(reader) - 2 < length)
                return -EBADMSG;
        ret_value->data = (const char *) reader->at + 2;
        ret_value->length = length;
        reader->at += 2 + (size_t) length;
        return 0;
}

int read_end(const struct reader *reader)
{
        return reader->at == reader->end ? 0 : -EBADMSG;
}

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
