/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_bounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BULK_MAX 100

static const struct row {
    const char *text;
    bool may_be;
} rows[] = {
    {"+OK\r\n", true},
    {"-ERR 99999999999\r\n", true},
    {":99999999999\r\n", true},
    {"+*99999\r\n", true},
    {"$-1\r\n*-1\r\n", true},
    {"*0\r\n$0\r\n\r\n", true},
    {"*1024\r\n", true},
    {"*1025\r\n", false},
    {"*1700000000\r\n", false},
    {"*99999999999999999999999999\r\n", false},
    {"*2\r\n*3\r\n*99999\r\n", false},
    {"*2\r\n:1\r\n*99999\r\n", false},
    /* Not before the line has ended: the reader may not either. */
    {"*99999", true},
    {"*99999\r", true},
    {"*99999\r\r\n", false},
    {"*9999\n9\r\n", false},
    {"$101\r\n", false},
    {"$4294967295\r\n", false},
    {"$4294967296\r\n", false},
    /* What a bulk string holds announces nothing; what follows it does. */
    {"$9\r\n*99999\r\n0\r\n+OK\r\n", true},
    {"$9\r\n*99999\r\n0\r\n*99999\r\n", false},
    {"$8\r\n*99999\r\n\r\n*99999\r\n", false},
    /* Malformed is the reader's. */
    {"?\r\n*2x\r\n", true},
    {"", true},
};

static void only_what_announces_too_much_is_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct redis_bounds bounds = {0};
        if (redis_bounds_take(&bounds, rows[i].text, strlen(rows[i].text), BULK_MAX) !=
            rows[i].may_be) {
            fail_msg("row %zu: %s", i, rows[i].text);
        }
    }
}

static void in_pieces_it_is_the_same(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t len = strlen(rows[i].text);
        for (size_t cut = 0; cut <= len; cut++) {
            struct redis_bounds bounds = {0};
            bool may_be = redis_bounds_take(&bounds, rows[i].text, cut, BULK_MAX) &&
                          redis_bounds_take(&bounds, rows[i].text + cut, len - cut, BULK_MAX);
            assert_int_equal(may_be, rows[i].may_be);
        }
        struct redis_bounds bounds = {0};
        bool may_be = true;
        for (size_t at = 0; at < len && may_be; at++) {
            may_be = redis_bounds_take(&bounds, rows[i].text + at, 1, BULK_MAX);
        }
        assert_int_equal(may_be, rows[i].may_be);
    }
}

static void a_line_has_an_end(void **unused)
{
    char text[REDIS_BOUNDS_LINE + 2];
    struct redis_bounds bounds = {0};

    (void)unused;
    memset(text, 'x', sizeof(text));
    assert_true(redis_bounds_take(&bounds, text, REDIS_BOUNDS_LINE, BULK_MAX));
    assert_false(redis_bounds_take(&bounds, text, 1, BULK_MAX));
    /* A bulk string's bytes are no line, and each line begins anew. */
    bounds = (struct redis_bounds){0};
    for (int i = 0; i < 3; i++) {
        text[REDIS_BOUNDS_LINE - 1] = '\r';
        text[REDIS_BOUNDS_LINE] = '\n';
        assert_true(redis_bounds_take(&bounds, text, REDIS_BOUNDS_LINE + 1, BULK_MAX));
    }
    assert_true(redis_bounds_take(&bounds, "$5000\r\n", 7, 5000));
    for (int i = 0; i < 50; i++) {
        assert_true(redis_bounds_take(&bounds, text, 100, 5000));
    }
    assert_true(redis_bounds_take(&bounds, "\r\n+OK\r\n", 7, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_announces_too_much_is_refused),
        cmocka_unit_test(a_line_has_an_end),
        cmocka_unit_test(in_pieces_it_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
