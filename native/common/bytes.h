/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors over the wire's primitive types; protocol.h says what they are. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
        const unsigned char *at;
        const unsigned char *end;
};

/* A string inside of the frame; not terminated. */
struct view {
        const char *data;
        uint16_t length;
};

/* Each returns 0, or -EBADMSG past the end; outputs are touched only on success. In line, for a lookup calls
 * them a dozen times. */
static inline size_t reader_left(const struct reader *reader)
{
        return (size_t) (reader->end - reader->at);
}

static inline int read_u8(struct reader *reader, uint8_t *ret_value)
{
        if (reader_left(reader) < 1)
                return -EBADMSG;
        *ret_value = *reader->at++;
        return 0;
}

static inline int read_u32(struct reader *reader, uint32_t *ret_value)
{
        if (reader_left(reader) < 4)
                return -EBADMSG;
        *ret_value = (uint32_t) reader->at[0] | (uint32_t) reader->at[1] << 8 |
                     (uint32_t) reader->at[2] << 16 | (uint32_t) reader->at[3] << 24;
        reader->at += 4;
        return 0;
}

static inline int read_u64(struct reader *reader, uint64_t *ret_value)
{
        uint32_t low, high;

        if (reader_left(reader) < 8)
                return -EBADMSG;
        if (read_u32(reader, &low) < 0 || read_u32(reader, &high) < 0)
                return -EBADMSG;
        *ret_value = (uint64_t) high << 32 | low;
        return 0;
}

static inline int read_str(struct reader *reader, struct view *ret_value)
{
        uint16_t length;

        if (reader_left(reader) < 2)
                return -EBADMSG;
        length = (uint16_t) (reader->at[0] | reader->at[1] << 8);
        if (reader_left(reader) - 2 < length)
                return -EBADMSG;
        ret_value->data = (const char *) reader->at + 2;
        ret_value->length = length;
        reader->at += 2 + (size_t) length;
        return 0;
}

/* 0 when nothing is left, else -EBADMSG. */
static inline int read_end(const struct reader *reader)
{
        return reader->at == reader->end ? 0 : -EBADMSG;
}

struct writer {
        unsigned char *at;
        const unsigned char *end;
};

/* Each returns 0, or -EMSGSIZE when the buffer is full. */
int write_u32(struct writer *writer, uint32_t value);
int write_u64(struct writer *writer, uint64_t value);
int write_str(struct writer *writer, const char *value);
