/* SPDX-License-Identifier: Apache-2.0 */
/* Where a file or socket is. Only in test builds may the environment say otherwise. */
#pragma once

#include <stdlib.h>

static inline const char *path_of(const char *path, const char *test_variable)
{
#ifdef IAMLOGIN_TEST_PATHS
        const char *test = secure_getenv(test_variable);
        if (test != NULL)
                return test;
#endif
        (void) test_variable;
        return path;
}
