/* SPDX-License-Identifier: Apache-2.0 */
#include "src/openssl_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/crypto.h>

static void a_libssl_is_safe_from_the_release_that_mended_its_series(void **state)
{
    static const struct {
        unsigned long number;
        bool want;
    } rows[] = {
        {0x1010117fUL, false}, /* 1.1.1w */
        {0x30000000UL, false}, {0x30000050UL, false},
        {0x30000060UL, false}, {0x300000d0UL, false}, /* 3.0.13 */
        {0x300000e0UL, true},                         /* 3.0.14 */
        {0x300000f0UL, true},  {0x30000160UL, true},  /* 3.0.22 */
        {0x30100000UL, false}, {0x30100050UL, false}, /* 3.1.5 */
        {0x30100060UL, true},                         /* 3.1.6 */
        {0x30200000UL, false}, {0x30200010UL, false}, /* 3.2.1 */
        {0x30200020UL, true},                         /* 3.2.2 */
        {0x30300000UL, true},  {0x30500020UL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(openssl_version_is_safe(rows[i].number), rows[i].want);
    }
}

static void the_libssl_these_tests_run_on_is_safe(void **state)
{
    (void)state;
    assert_true(openssl_version_is_safe(OpenSSL_version_num()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_libssl_is_safe_from_the_release_that_mended_its_series),
        cmocka_unit_test(the_libssl_these_tests_run_on_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
