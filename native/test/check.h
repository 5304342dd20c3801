/* SPDX-License-Identifier: Apache-2.0 */
/* A check that tells where it failed and what was expected. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                                     \
        do {                                                                                                 \
                if (!(condition)) {                                                                          \
                        fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);            \
                        exit(1);                                                                             \
                }                                                                                            \
        } while (0)
