/* SPDX-License-Identifier: Apache-2.0 */
/* Reads test/vectors/NAME.hex: bytes that the C and the TypeScript side must agree on. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "check.h"

static inline size_t read_vector(const char *name, uint8_t *bytes, size_t max)
{
        char path[512];
        unsigned int byte;
        size_t length = 0;

        snprintf(path, sizeof(path), "%s/%s.hex", VECTORS, name);
        FILE *file = fopen(path, "r");
        CHECK(file != NULL);
        while (fscanf(file, "%2x", &byte) == 1) {
                CHECK(length < max);
                bytes[length++] = (uint8_t) byte;
        }
        fclose(file);
        return length;
}
