/* SPDX-License-Identifier: Apache-2.0 */
#include "valid.h"

const uint8_t valid_kinds[256] = {
        ['0' ... '9'] = VALID_WORD | VALID_DIGIT,
        ['A' ... 'Z'] = VALID_WORD,
        ['a' ... 'z'] = VALID_WORD,
        ['_'] = VALID_WORD,
        ['.'] = VALID_MARK,
        ['-'] = VALID_MARK,
};
