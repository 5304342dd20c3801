/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates of test/vectors/certificates.tsv: type, certificate, what ssh-keygen -lf says of it,
 * serial, key id, the key inside. */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "fingerprint.h"

static int check_line(char *line)
{
        char *rest = line, *fields[6], text[16384], number[32];
        struct fingerprint found;
        size_t count = 0;

        line[strcspn(line, "\n")] = '\0';
        while (count < 6 && (fields[count] = strsep(&rest, "\t")) != NULL)
                count++;
        CHECK(count == 6);
        fingerprint_of_blob(fields[1], &found);
        CHECK(strcmp(found.text, fields[2]) == 0);
        CHECK(found.is_certificate && strcmp(found.certificate_id, fields[4]) == 0);
        snprintf(number, sizeof(number), "%" PRIu64, found.serial);
        CHECK(strcmp(number, fields[3]) == 0);
        snprintf(text, sizeof(text), "keyboard-interactive\npublickey %s %s\n", fields[0], fields[1]);
        fingerprint_of(text, &found);
        CHECK(strcmp(found.text, fields[2]) == 0 && found.is_certificate);
        fingerprint_of_blob(fields[5], &found);
        CHECK(strcmp(found.text, fields[2]) == 0);
        CHECK(!found.is_certificate && found.serial == 0 && found.certificate_id[0] == '\0');
        /* Cut anywhere it is a certificate no more, or still the same key. */
        for (size_t length = strlen(fields[1]); length > 0; length--) {
                fields[1][length - 1] = '\0';
                fingerprint_of_blob(fields[1], &found);
                CHECK(!found.is_certificate || strcmp(found.text, fields[2]) == 0);
        }
        return 1;
}

int main(void)
{
        struct fingerprint found;
        char line[16384];
        int count = 0;

        FILE *file = fopen(VECTORS "/certificates.tsv", "r");
        CHECK(file != NULL);
        while (fgets(line, sizeof(line), file) != NULL)
                count += check_line(line);
        fclose(file);
        CHECK(count == 7);
        fingerprint_of_blob("", &found);
        CHECK(found.text[0] == '\0' && !found.is_certificate);
        fingerprint_of("password\n", &found);
        CHECK(found.text[0] == '\0');
        return 0;
}
