/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, one response, one deadline. No descriptor outlives a call: the host process may
 * close and reuse any number.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

struct wire_reply {
        unsigned char *frame;  /* heap; wire_reply_clear() */
        struct reader payload; /* inside of frame */
        uint8_t flags;         /* IAMLOGIN_FLAG_* */
};

#define WIRE_REPLY_EMPTY                                                                                     \
        {                                                                                                    \
                NULL, {NULL, NULL}, 0                                                                        \
        }
#define CLEANUP_REPLY __attribute__((cleanup(wire_reply_clear)))

void wire_reply_clear(struct wire_reply *reply);

/*
 * Asks the resolver. The payload's bytes follow the request's fixed fields.
 *   0                 *ret_reply holds the payload of a SUCCESS
 *   -ENOENT           the resolver says: known not to be there
 *   -EACCES           this process may not ask that
 *   -ECONNREFUSED     no resolver listens; returned at once
 *   -ETIMEDOUT        no whole answer within timeout_ms, or at the door no sign of life
 *   -EAGAIN           the resolver says: cannot say
 *   -EPROTONOSUPPORT  it speaks another version of the protocol
 *   -EPROTO           it says that the request is malformed
 *   -EBADMSG          its answer is malformed, or was cut off
 *   -ECONNRESET       it closed the connection without an answer
 *   other             the request could not be made here
 */
int wire_call(uint8_t opcode, const void *payload, size_t length, int timeout_ms,
              struct wire_reply *ret_reply);
