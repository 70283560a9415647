/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/plain_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/h2_session.h"

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

static void http1_gets_a_response(void **unused)
{
    const struct slice answer = plain_answer_to(bytes_of("GET / HT"));

    (void)unused;
    assert_int_equal(memcmp(answer.at, "HTTP/1.1 400 ", 13), 0);
    assert_non_null(memmem(answer.at, answer.len, "\r\n\r\nthis port speaks", 20));
}

static void on_goaway(void *ctx)
{
    *(bool *)ctx = true;
}

/* A real HTTP/2 client understands it as the end of the connection, and nothing as broken. */
static void http2_gets_a_goaway(void **unused)
{
    static const struct h2_events events = {.on_goaway = on_goaway};
    const struct h2_limits limits = {0};
    struct h2_session *client = NULL;
    struct errbuf why = {""};
    bool has_goaway = false;

    (void)unused;
    assert_int_equal(h2_session_new(H2_CLIENT, &limits, &events, &has_goaway, &client), ERR_OK);
    const struct slice answer = plain_answer_to(bytes_of("PRI * HT"));
    assert_int_equal(h2_session_feed(client, answer, &why), ERR_OK);
    assert_true(has_goaway);
    assert_non_null(memmem(answer.at, answer.len, "TLS 1.3", 7));
    h2_session_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_in_the_clear_is_known_by_its_first_bytes),
        cmocka_unit_test(http1_gets_a_response),
        cmocka_unit_test(http2_gets_a_goaway),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
