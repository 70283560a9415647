/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/exit_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_error_has_the_exit_code_that_scripts_rely_on(void **unused)
{
    static const struct {
        enum err err;
        int want;
    } rows[] = {
        {ERR_OK, 0},       {ERR_INVALID, 1},   {ERR_NOMEM, 1},       {ERR_IO, 1},
        {ERR_CRYPTO, 1},   {ERR_CONFLICT, 1},  {ERR_UNAVAILABLE, 3}, {ERR_TIMEOUT, 3},
        {ERR_DENIED, 5},   {ERR_NOT_FOUND, 1}, {ERR_REFUSED, 1},     {ERR_LIMIT, 1},
        {ERR_PROTOCOL, 1}, {ERR_CANCELLED, 1}, {ERR_UNSUPPORTED, 1},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal((int)exit_code_of(rows[i].err), rows[i].want);
    }
    assert_int_equal(EXIT_CODE_USAGE, 2);
    assert_int_equal(EXIT_CODE_DEGRADED, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_the_exit_code_that_scripts_rely_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
