/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into sshd, sudo, login, cron, and part of the key command: a hash library of their own would come
 * along with a crypto library's start-up and symbols. SHA-256 is FIPS 180-4, base64 is RFC 4648.
 */
#include "fingerprint.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

static const uint32_t rounds[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t value, int bits)
{
        return value >> bits | value << (32 - bits);
}

static void add_block(uint32_t state[8], const uint8_t block[64])
{
        uint32_t w[64], v[8];

        for (size_t i = 0; i < 16; i++)
                w[i] = (uint32_t) block[4 * i] << 24 | (uint32_t) block[4 * i + 1] << 16 |
                       (uint32_t) block[4 * i + 2] << 8 | block[4 * i + 3];
        for (size_t i = 16; i < 64; i++) {
                uint32_t a = w[i - 15], b = w[i - 2];
                w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
                       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
        }
        memcpy(v, state, sizeof(v));
        for (size_t i = 0; i < 64; i++) {
                uint32_t one = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                               ((v[4] & v[5]) ^ (~v[4] & v[6])) + rounds[i] + w[i];
                uint32_t two = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
                               ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
                memmove(v + 1, v, 7 * sizeof(v[0]));
                v[4] += one;
                v[0] = one + two;
        }
        for (size_t i = 0; i < 8; i++)
                state[i] += v[i];
}

static void sha256(const uint8_t *bytes, size_t length, uint8_t digest[32])
{
        uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
        uint8_t last[128] = {0};
        size_t whole = length & ~(size_t) 63, rest = length - whole;
        size_t padded = rest < 56 ? 64 : 128;

        for (size_t at = 0; at < whole; at += 64)
                add_block(state, bytes + at);
        memcpy(last, bytes + whole, rest);
        last[rest] = 0x80;
        for (size_t i = 0; i < 8; i++)
                last[padded - 1 - i] = (uint8_t) ((uint64_t) length * 8 >> 8 * i);
        for (size_t at = 0; at < padded; at += 64)
                add_block(state, last + at);
        for (size_t i = 0; i < 32; i++)
                digest[i] = (uint8_t) (state[i / 4] >> (24 - 8 * (i % 4)));
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t decode_base64(const char *text, uint8_t *bytes, size_t size)
{
        uint32_t bits = 0;
        size_t count = 0, length = 0;

        for (; *text != '\0'; text++) {
                const char *found = strchr(alphabet, *text);
                if (found == NULL)
                        break; /* padding, a space, the end of the line */
                bits = bits << 6 | (uint32_t) (found - alphabet);
                if (++count % 4 == 1)
                        continue;
                if (length == size)
                        return 0;
                bytes[length++] = (uint8_t) (bits >> (6 - 2 * ((count - 1) % 4)));
        }
        return length;
}

static void encode_base64(const uint8_t digest[32], char *text)
{
        for (size_t i = 0; i < 43; i++) {
                size_t bit = i * 6;
                uint32_t pair =
                        (uint32_t) digest[bit / 8] << 8 | (bit / 8 + 1 < 32 ? digest[bit / 8 + 1] : 0);
                *text++ = alphabet[pair >> (10 - bit % 8) & 63];
        }
        *text = '\0';
}

/* Big-endian lengths, as RFC 4251 has them. Strings and mpints alike: 0, or -1 past the end. */
struct key_reader {
        const uint8_t *at;
        const uint8_t *end;
};

static int read_big(struct key_reader *reader, size_t size, uint64_t *ret_value)
{
        uint64_t value = 0;

        if ((size_t) (reader->end - reader->at) < size)
                return -1;
        for (size_t i = 0; i < size; i++)
                value = value << 8 | reader->at[i];
        reader->at += size;
        *ret_value = value;
        return 0;
}

static int read_string(struct key_reader *reader, const uint8_t **ret_data, size_t *ret_length)
{
        uint64_t length;

        if (read_big(reader, 4, &length) < 0 || length > (size_t) (reader->end - reader->at))
                return -1;
        *ret_data = reader->at;
        *ret_length = (size_t) length;
        reader->at += length;
        return 0;
}

/* Certificate types, the types of the keys inside, and how many fields those have: PROTOCOL.certkeys,
 * PROTOCOL.u2f. */
static const struct {
        const char *certificate;
        const char *key;
        int fields;
} kinds[] = {
        {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1},
        {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2},
        {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2},
        {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2},
        {"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2},
        {"ssh-dss-cert-v01@openssh.com", "ssh-dss", 4},
        {"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2},
        {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", 3},
};

/*
 * Replaces a certificate in the buffer by the key inside of it, which is shorter: another type, no nonce.
 * Gives the key's length. What is no sound certificate stays.
 */
static size_t open_certificate(uint8_t *bytes, size_t length, struct fingerprint *ret_fingerprint)
{
        struct key_reader reader = {bytes, bytes + length};
        const uint8_t *type, *skipped, *id;
        size_t type_length, size, id_length;
        uint64_t serial, use;
        size_t kind = 0;

        if (read_string(&reader, &type, &type_length) < 0)
                return length;
        while (kind < sizeof(kinds) / sizeof(kinds[0]) &&
               (strlen(kinds[kind].certificate) != type_length ||
                memcmp(kinds[kind].certificate, type, type_length) != 0))
                kind++;
        if (kind == sizeof(kinds) / sizeof(kinds[0]) || read_string(&reader, &skipped, &size) < 0)
                return length;
        const uint8_t *fields = reader.at;
        for (int i = 0; i < kinds[kind].fields; i++)
                if (read_string(&reader, &skipped, &size) < 0)
                        return length;
        const uint8_t *end = reader.at;
        if (read_big(&reader, 8, &serial) < 0 || read_big(&reader, 4, &use) < 0 ||
            read_string(&reader, &id, &id_length) < 0)
                return length;
        ret_fingerprint->is_certificate = true;
        ret_fingerprint->serial = serial;
        text_clean((const char *) id, id_length, ret_fingerprint->certificate_id, CERTIFICATE_ID_SIZE);
        size_t fields_length = (size_t) (end - fields);
        size = strlen(kinds[kind].key);
        const uint8_t head[4] = {0, 0, 0, (uint8_t) size};
        memmove(bytes + sizeof(head) + size, fields, fields_length);
        memcpy(bytes, head, sizeof(head));
        memcpy(bytes + sizeof(head), kinds[kind].key, size);
        return sizeof(head) + size + fields_length;
}

void fingerprint_of_blob(const char *blob, struct fingerprint *ret_fingerprint)
{
        uint8_t bytes[FINGERPRINT_INPUT_MAX], digest[32];

        memset(ret_fingerprint, 0, sizeof(*ret_fingerprint));
        size_t length = decode_base64(blob, bytes, sizeof(bytes));
        if (length == 0)
                return;
        length = open_certificate(bytes, length, ret_fingerprint);
        sha256(bytes, length, digest);
        memcpy(ret_fingerprint->text, "SHA256:", 7);
        encode_base64(digest, ret_fingerprint->text + 7);
}

void fingerprint_of(const char *auth_info, struct fingerprint *ret_fingerprint)
{
        static const char word[] = "publickey ";

        memset(ret_fingerprint, 0, sizeof(*ret_fingerprint));
        const char *line = auth_info;
        while (line != NULL && strncmp(line, word, sizeof(word) - 1) != 0) {
                line = strchr(line, '\n');
                line = line == NULL ? NULL : line + 1;
        }
        const char *space = line == NULL ? NULL : strchr(line + sizeof(word) - 1, ' ');
        if (space != NULL)
                fingerprint_of_blob(space + 1, ret_fingerprint);
}
