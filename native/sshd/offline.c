/* SPDX-License-Identifier: Apache-2.0 */
/* Part of the key command: people who logged in here before still can while the resolver is away. */
#include "offline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "fingerprint.h"
#include "journal.h"
#include "keys-file.h"
#include "host-facts.h"
#include "key-line.h"
#include "protocol.h"

static const char *reason_of(int r)
{
        switch (r) {
        case 0:
                return "the last known key of this person";
        case -ENOKEY:
                return "not a key that was known of this person";
        case -ENOENT:
                return "no key of this person is known here";
        case -EPROTO:
                return "no answer of the resolver's that counts";
        case -ESTALE:
                return "what is known of this person is older than source.offline, or dated in the future";
        default:
                return "what is known here can't be read";
        }
}

/* `r` is what came of it; with 0 `key` is whose key it is. */
static void audit_write(const struct question *question, int r, const struct known_key *key, const char *why)
{
        struct journal_entry entry = JOURNAL_EMPTY;
        struct host_person person;
        struct fingerprint offered;
        char message[512];
        const char *action = r == 0 ? "key-offered" : "key-refused";
        bool is_person =
                r != 0 && host_find_person(question->user, &person) == 0 && person.uid == question->uid;

        /* A user of another name service: no event of ours. */
        if (r != 0 && !is_person && host_has_local(question->user) <= 0)
                return;
        fingerprint_of_blob(question->blob, &offered);
        (void) snprintf(message, sizeof(message), "%s: %s %s: %s (%s)", question->user, action, offered.text,
                        reason_of(r), why);
        const struct journal_head head = {message, action, question->user, r != 0};
        journal_begin(&entry, &head);
        journal_add(&entry, "IAMLOGIN_REASON", reason_of(r));
        journal_add_key(&entry, &offered);
        if (r == 0) {
                journal_add_view(&entry, "IAMLOGIN_KEY_ID", &key->id);
                journal_add_view(&entry, "IAMLOGIN_IAM_USER", &key->iam_user);
                journal_add_view(&entry, "IAMLOGIN_USER_ID", &key->user_id);
                journal_add_view(&entry, "IAMLOGIN_ARN", &key->arn);
        } else if (is_person) {
                journal_add(&entry, "IAMLOGIN_USER_ID", person.user_id);
                journal_add(&entry, "IAMLOGIN_ARN", person.arn);
        }
        if (!entry.overflow && journal_send_last(&entry) == 0)
                return;
        openlog("iamlogin", LOG_PID, LOG_AUTHPRIV);
        syslog(r == 0 ? LOG_INFO : LOG_WARNING, "%s", message);
        closelog();
}

/* Whether the account is still what it was when the keys were written. */
static int check_account(const struct question *question, uint32_t kind)
{
        struct host_person person;
        bool is_fresh = false;
        int r;

        int is_local = host_has_local(question->user);
        if (is_local < 0)
                return is_local;
        if ((is_local > 0) != (kind == KEYS_OF_SHARED))
                return -ENOENT;
        if (kind == KEYS_OF_SHARED) {
                r = host_freshness(&is_fresh);
        } else {
                r = host_find_person(question->user, &person);
                if (r == 0 && person.uid != question->uid)
                        return -ENOENT;
                is_fresh = r == 0 && person.is_fresh;
        }
        if (r < 0)
                return r;
        return is_fresh ? 0 : -ESTALE;
}

/* Prints the offered key, or all; -ENOKEY when it is none of them, -ESTALE when it served too long. */
static int print_known(const struct question *question, int64_t now_ms, struct known_keys *keys,
                       struct known_key *ret_key)
{
        bool wants_one = question->blob[0] != '\0', is_stale = false;
        struct known_key key;
        uint32_t printed = 0;
        int r;

        while ((r = keys_file_next(keys, &key)) == 0 && printed < IAMLOGIN_KEYS_MAX) {
                if (!key_line_is_valid(&key.line) ||
                    (wants_one && !key_line_is_key(&key.line, question->blob)))
                        continue;
                if (key.until_ms < now_ms) {
                        is_stale = true;
                        continue;
                }
                r = key_line_print(&key.line);
                if (r < 0)
                        return r;
                printed++;
                if (wants_one) {
                        *ret_key = key;
                        return 0;
                }
        }
        if (r < 0 && r != -ENOENT)
                return r;
        if (printed > 0)
                return 0;
        return is_stale ? -ESTALE : -ENOKEY;
}

int offline_answer(const struct question *question, const char *why)
{
        CLEANUP_KEYS_FILE struct keys_file file = KEYS_FILE_EMPTY;
        struct known_keys keys;
        struct known_key key;
        int64_t now_ms = 0;

        int r = keys_file_open(&file);
        if (r == 0)
                r = keys_file_find(&file, question->user, question->uid, &keys);
        if (r == 0)
                r = check_account(question, keys.kind);
        if (r == 0)
                r = keys_file_now(&file, &now_ms);
        if (r == 0)
                r = print_known(question, now_ms, &keys, &key);
        if (question->blob[0] != '\0')
                audit_write(question, r, &key, why);
        return r == -ENOKEY ? 0 : r;
}

void offline_refuse(const struct question *question, const char *why)
{
        if (question->blob[0] != '\0')
                audit_write(question, -EPROTO, NULL, why);
}
