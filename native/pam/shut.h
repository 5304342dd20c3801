/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "known.h"

/*
 * Why keys.db shuts the door to a user of directory.db while no resolver answers: when the source was read
 * last no valid key was left, or no MFA device though access.require_mfa wants one. NULL where it does not;
 * without a keys.db that can be read directory.db alone decides.
 */
const char *shut_rule(const char *user, const struct known_person *person);
