/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_iv.h"

#include <string.h>

#include <openssl/rand.h>

#include "base/secret.h"
#include "src/openssl_once.h"

#define POOL_BYTES  4096 /* a page: what secret memory costs anyway */
#define POOL_COUNT  (POOL_BYTES / OPENSSL_IV_LEN - 1)
#define POOL_UNUSED (OPENSSL_IV_LEN - sizeof(size_t))

struct pool {
    size_t left; /* vectors not given out yet; zero after a fork, like all of it */
    uint8_t unused[POOL_UNUSED];
    uint8_t ivs[POOL_COUNT][OPENSSL_IV_LEN];
};
_Static_assert(sizeof(struct pool) == POOL_BYTES, "a pool fills its page");

static struct pool *pool_of_this_thread(void)
{
    const struct openssl_once *once = openssl_once_get();

    if (once == NULL) {
        return NULL;
    }
    struct pool *pool = pthread_getspecific(once->iv_pools);
    if (pool == NULL) {
        pool = secret_alloc(sizeof(*pool));
        if (pool != NULL && pthread_setspecific(once->iv_pools, pool) != 0) {
            secret_free(pool);
            pool = NULL;
        }
    }
    return pool;
}

bool openssl_iv_take(uint8_t out[OPENSSL_IV_LEN])
{
    struct pool *pool = pool_of_this_thread();

    memset(out, 0, OPENSSL_IV_LEN);
    if (pool == NULL) {
        return RAND_bytes(out, OPENSSL_IV_LEN) == 1;
    }
    if (pool->left == 0) {
        if (RAND_bytes(pool->ivs[0], sizeof(pool->ivs)) != 1) {
            return false;
        }
        pool->left = POOL_COUNT;
    }
    uint8_t *iv = pool->ivs[--pool->left];
    memcpy(out, iv, OPENSSL_IV_LEN);
    secret_wipe(iv, OPENSSL_IV_LEN);
    return true;
}

void openssl_iv_on_thread_end(void *pool)
{
    secret_free(pool);
}
