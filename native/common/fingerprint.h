/* SPDX-License-Identifier: Apache-2.0 */
/* A public key as ssh-keygen -l prints it: "SHA256:" and base64 without padding. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FINGERPRINT_SIZE 64
#define FINGERPRINT_INPUT_MAX 8192 /* bytes of a key or certificate */
#define CERTIFICATE_ID_SIZE 256

/* Of a certificate (OpenSSH's PROTOCOL.certkeys) the fingerprint is that of the key inside of it. */
struct fingerprint {
        char text[FINGERPRINT_SIZE]; /* empty: no key */
        bool is_certificate;
        char certificate_id[CERTIFICATE_ID_SIZE]; /* the key id that its CA gave it, cleaned and cut */
        uint64_t serial;
};

/* Of a key's base64, which ends with the text, at padding or a space. */
void fingerprint_of_blob(const char *blob, struct fingerprint *ret_fingerprint);

/* Of the key in SSH_AUTH_INFO_0 (lines `publickey TYPE BLOB`, sshd(8)). */
void fingerprint_of(const char *auth_info, struct fingerprint *ret_fingerprint);
