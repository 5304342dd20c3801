/* SPDX-License-Identifier: Apache-2.0 */
/* A public key as ssh-keygen -l prints it: "SHA256:" and base64 without padding. */
#pragma once

#include <stddef.h>

#define FINGERPRINT_SIZE 64
#define FINGERPRINT_INPUT_MAX 8192 /* bytes of a key */

/* Of a key's base64, which ends with the text, at padding or a space. Empty when it holds nothing. */
void fingerprint_of_blob(const char *blob, char text[FINGERPRINT_SIZE]);

/* Of the key in SSH_AUTH_INFO_0 (lines `publickey TYPE BLOB`, sshd(8)). Empty when there is none. */
void fingerprint_of(const char *auth_info, char text[FINGERPRINT_SIZE]);
