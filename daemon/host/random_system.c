/* SPDX-License-Identifier: Apache-2.0 */
#include "host/random_system.h"

#include <errno.h>
#include <sys/random.h>

#include <openssl/err.h>
#include <openssl/rand.h>

#include "base/bytes.h"
#include "base/kdf.h"
#include "base/secret.h"

#define PART_LEN  32 /* from each source */
#define CHUNK_MAX ((size_t)255 * KDF_SHA256_LEN)

static const uint8_t label[] = "stekd random v1";

static enum err fill_from_kernel(uint8_t *out, size_t len)
{
    size_t have = 0;

    while (have < len) {
        ssize_t got = getrandom(out + have, len - have, 0);
        if (got > 0) {
            have += (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            return ERR_IO;
        }
    }
    return ERR_OK;
}

static enum err fill_from_openssl(uint8_t *out, size_t len)
{
    ERR_clear_error();
    if (RAND_priv_bytes(out, (int)len) != 1) {
        ERR_clear_error();
        return ERR_CRYPTO;
    }
    return ERR_OK;
}

/* At most CHUNK_MAX bytes from one fresh pair of seeds. */
static enum err fill_chunk(uint8_t *out, size_t len)
{
    uint8_t seed[2 * PART_LEN] = {0};
    enum err rc = fill_from_kernel(seed, PART_LEN);

    if (rc == ERR_OK) {
        rc = fill_from_openssl(seed + PART_LEN, PART_LEN);
    }
    if (rc == ERR_OK) {
        rc = kdf_hkdf_sha256((struct slice){seed, sizeof(seed)},
                             (struct slice){label, sizeof(label) - 1}, out, len);
    }
    secret_wipe(seed, sizeof(seed));
    return rc;
}

static enum err fill(void *ctx, uint8_t *out, size_t len)
{
    size_t done = 0;
    enum err rc = ERR_OK;

    (void)ctx;
    while (rc == ERR_OK && done < len) {
        size_t chunk = len - done < CHUNK_MAX ? len - done : CHUNK_MAX;
        rc = fill_chunk(out + done, chunk);
        done += chunk;
    }
    if (rc != ERR_OK) {
        secret_wipe(out, len);
    }
    return rc;
}

struct random_source random_system_make(void)
{
    return (struct random_source){.fill = fill, .ctx = NULL};
}
