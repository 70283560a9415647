/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"

#define KEEP 2

static struct secret_pool *pool_new(void)
{
    struct secret_pool *pool = NULL;

    assert_int_equal(secret_pool_new(KEEP, &pool), ERR_OK);
    assert_int_equal(secret_pool_kept(pool), 0);
    return pool;
}

static void must_be_zero(const uint8_t *block)
{
    for (size_t i = 0; i < SECRET_POOL_BLOCK; i++) {
        assert_int_equal(block[i], 0);
    }
}

static void a_block_that_comes_back_is_wiped_and_given_again(void **unused)
{
    struct secret_pool *pool = pool_new();
    uint8_t *block = secret_pool_take(pool);

    (void)unused;
    assert_non_null(block);
    must_be_zero(block);
    memset(block, 0xa5, SECRET_POOL_BLOCK);
    secret_pool_give(pool, block);
    assert_int_equal(secret_pool_kept(pool), 1);
    must_be_zero(block);
    assert_ptr_equal(secret_pool_take(pool), block);
    assert_int_equal(secret_pool_kept(pool), 0);
    secret_pool_give(pool, block);
    secret_pool_free(pool);
    secret_pool_free(NULL);
}

static void no_more_are_kept_than_agreed(void **unused)
{
    struct secret_pool *pool = pool_new();
    void *blocks[KEEP + 1];

    (void)unused;
    for (size_t i = 0; i < KEEP + 1; i++) {
        blocks[i] = secret_pool_take(pool);
        assert_non_null(blocks[i]);
    }
    for (size_t i = 0; i < KEEP + 1; i++) {
        secret_pool_give(pool, blocks[i]);
    }
    assert_int_equal(secret_pool_kept(pool), KEEP);
    secret_pool_free(pool);
}

static void a_buffer_lives_from_its_pool_while_it_is_small(void **unused)
{
    struct secret_pool *pool = pool_new();
    struct secret_buf buf = {.pool = pool};
    static const uint8_t bytes[SECRET_POOL_BLOCK] = {[0] = 1, [SECRET_POOL_BLOCK - 1] = 2};

    (void)unused;
    assert_int_equal(secret_buf_append(&buf, bytes, sizeof(bytes)), ERR_OK);
    secret_buf_fini(&buf);
    assert_null(buf.at);
    assert_ptr_equal(buf.pool, pool);
    assert_int_equal(secret_pool_kept(pool), 1);
    /* It outgrows its block, which goes back at once; what it has then is not the pool's. */
    assert_int_equal(secret_buf_append(&buf, bytes, 1), ERR_OK);
    assert_int_equal(secret_pool_kept(pool), 0);
    assert_int_equal(secret_buf_append(&buf, bytes, sizeof(bytes)), ERR_OK);
    assert_int_equal(secret_pool_kept(pool), 1);
    assert_int_equal(buf.at[1], 1);
    assert_int_equal(buf.len, SECRET_POOL_BLOCK + 1);
    secret_buf_fini(&buf);
    assert_int_equal(secret_pool_kept(pool), 1);
    secret_buf_fini(&buf);
    assert_int_equal(secret_pool_kept(pool), 1);
    secret_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_comes_back_is_wiped_and_given_again),
        cmocka_unit_test(no_more_are_kept_than_agreed),
        cmocka_unit_test(a_buffer_lives_from_its_pool_while_it_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
