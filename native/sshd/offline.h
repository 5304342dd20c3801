/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct question {
        const char *user;
        uint32_t uid;
        const char *type; /* sshd's %t and %k; empty: every key */
        const char *blob;
};

/*
 * Answers without a resolver: the keys that keys.db knows, of whoever directory.db knows, while both
 * are within source.offline. Prints them, and tells the journal which key was offered or refused.
 * `why` is what became of asking the resolver.
 * 0; -ENOENT for an account of which nothing is known; -ESTALE; else -errno: no file to trust.
 */
int offline_answer(const struct question *question, const char *why);

/* Tells the journal that the offered key is refused because the resolver's answer does not count. */
void offline_refuse(const struct question *question, const char *why);
