/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere, made fit for the wire, for logs and terminals. */
#pragma once

#include <stddef.h>

/*
 * Copies `length` bytes as UTF-8 (RFC 3629): each byte that is none and each control character (C0, DEL,
 * C1) becomes '?'. What does not fit into `size` bytes, terminator included, is cut between characters.
 */
void text_clean(const char *text, size_t length, char *ret_clean, size_t size);
