/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/plain_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct slice bytes_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void http_in_the_clear_is_known_by_its_first_bytes(void **unused)
{
    static const struct {
        const char *first;
        bool want;
    } rows[] = {
        {"GET / HT", true},
        {"POST /a ", true},
        {"PRI * HT", true},
        {"OPTIONS ", true},
        {"CONNECT ", true},
        {"PRI ", true},
        {"PRI", false},
        {"GE", false},
        {"GETX/ HT", false},
        {"", false},
        {"\x16\x03\x01\x02", false},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(plain_answer_is_due(bytes_of(rows[i].first)), rows[i].want);
    }
}

static void the_answer_is_an_http_response(void **unused)
{
    const struct slice answer = plain_answer_bytes();

    (void)unused;
    assert_int_equal(memcmp(answer.at, "HTTP/1.1 400 ", 13), 0);
    assert_non_null(memmem(answer.at, answer.len, "\r\n\r\nthis port speaks", 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_in_the_clear_is_known_by_its_first_bytes),
        cmocka_unit_test(the_answer_is_an_http_response),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
