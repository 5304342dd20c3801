/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of journald's native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "fingerprint.h"

struct journal_entry {
        char bytes[8192];
        size_t length;
        bool overflow;
};

#define JOURNAL_EMPTY                                                                                        \
        {                                                                                                    \
                {0}, 0, false                                                                                \
        }

/* What every audit event begins with that no resolver took. `user` is the Linux name that it is about. */
struct journal_head {
        const char *message; /* for people */
        const char *action;  /* as in src/audit/event.ts */
        const char *user;
        bool is_refusal;
};

void journal_begin(struct journal_entry *entry, const struct journal_head *head);

/* Adds FIELD=value; an empty value adds nothing, control characters in it become spaces. */
void journal_add(struct journal_entry *entry, const char *field, const char *value);
void journal_add_view(struct journal_entry *entry, const char *field, const struct view *value);
/* IAMLOGIN_KEY_FINGERPRINT, and what a certificate says of itself. */
void journal_add_key(struct journal_entry *entry, const struct fingerprint *key);

/* 0, or -errno when no journal takes it. */
int journal_send(const struct journal_entry *entry);

/*
 * As journal_send, for a process that is about to end: journald looks up the sender's program and unit
 * in /proc after it took the entry, and without them no reader believes it.
 */
int journal_send_last(const struct journal_entry *entry);
