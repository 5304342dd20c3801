/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors over the wire's primitive types; protocol.h says what they are. */
#pragma once

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

/* Each returns 0, or -EBADMSG past the end; outputs are touched only on success. */
int read_u8(struct reader *reader, uint8_t *ret_value);
int read_u32(struct reader *reader, uint32_t *ret_value);
int read_u64(struct reader *reader, uint64_t *ret_value);
int read_str(struct reader *reader, struct view *ret_value);
/* 0 when nothing is left, else -EBADMSG. */
int read_end(const struct reader *reader);

struct writer {
        unsigned char *at;
        const unsigned char *end;
};

/* Each returns 0, or -EMSGSIZE when the buffer is full. */
int write_u32(struct writer *writer, uint32_t value);
int write_u64(struct writer *writer, uint64_t value);
int write_str(struct writer *writer, const char *value);
