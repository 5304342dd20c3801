/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#define FINGERPRINT_SIZE 64

/*
 * The key of SSH_AUTH_INFO_0 (lines `publickey TYPE BLOB`, sshd(8)) as ssh-keygen -l prints it:
 * "SHA256:" and base64 without padding. Empty when there is no public key in it.
 */
void fingerprint_of(const char *auth_info, char text[FINGERPRINT_SIZE]);
