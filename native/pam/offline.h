/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host-facts.h"

/*
 * Why keys.db shuts the door to a user of directory.db while no resolver answers: when the source was read
 * last no valid key was left, or no MFA device though access.require_mfa wants one. NULL where it does not.
 *
 * A keys.db that is missing or damaged refuses every user of directory.db: it cannot be said which of them
 * are shut. The resolver writes one with every directory.db, and takes it away only where it grants more than
 * is true and can't be replaced, as on a full disk.
 */
const char *offline_refusal(const char *user, const struct host_person *person);
