/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as /etc/passwd or /etc/group: what libc sees in it, we see.
 * By hand: build/Test/test/fuzz_local_lines -max_total_time=600
 */
#include "../test/libc_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        compare_with_libc((const char *) data, size, LOCAL_PASSWD);
        compare_with_libc((const char *) data, size, LOCAL_GROUP);
        return 0;
}
