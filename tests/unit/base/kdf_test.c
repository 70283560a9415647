/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "base/text.h"

static void hkdf_gives_rfc_5869_test_case_3(void **unused)
{
    uint8_t key[22];
    uint8_t out[42];
    char hex[2 * sizeof(out) + 1];
    (void)unused;
    memset(key, 0x0b, sizeof(key));
    assert_int_equal(kdf_hkdf_sha256((struct slice){key, sizeof(key)}, (struct slice){NULL, 0}, out,
                                     sizeof(out)),
                     ERR_OK);
    text_hex_encode(out, sizeof(out), hex);
    assert_string_equal(hex, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                             "9d201395faa4b61a96c8");
}

static void salted_hkdf_gives_rfc_5869_test_case_1(void **unused)
{
    static const uint8_t salt[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const uint8_t info[] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9};
    uint8_t key[22];
    uint8_t out[42];
    char hex[2 * sizeof(out) + 1];
    (void)unused;
    memset(key, 0x0b, sizeof(key));
    assert_int_equal(kdf_hkdf_sha256_salted((struct slice){key, sizeof(key)},
                                            (struct slice){salt, sizeof(salt)},
                                            (struct slice){info, sizeof(info)}, out, sizeof(out)),
                     ERR_OK);
    text_hex_encode(out, sizeof(out), hex);
    assert_string_equal(hex, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                             "34007208d5b887185865");
}

static void sha_256_gives_the_fips_180_examples(void **unused)
{
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[KDF_SHA256_LEN];
        char hex[2 * sizeof(out) + 1];
        const struct slice in = {(const uint8_t *)rows[i].text, strlen(rows[i].text)};
        assert_int_equal(kdf_sha256(in, out), ERR_OK);
        text_hex_encode(out, sizeof(out), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void a_failure_leaves_nothing_behind(void **unused)
{
    static uint8_t out[255 * 32 + 1];
    static const uint8_t zero[sizeof(out)];
    static const uint8_t key[32] = {1};
    const struct slice none = {NULL, 0};
    (void)unused;

    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 42);
    const unsigned long before = ERR_peek_last_error();

    memset(out, 0xaa, sizeof(out));
    assert_int_equal(kdf_hkdf_sha256((struct slice){key, 32}, none, out, sizeof(out)), ERR_CRYPTO);
    assert_memory_equal(out, zero, sizeof(out));
    memset(out, 0xaa, 32);
    assert_int_equal(kdf_hkdf_sha256(none, none, out, 32), ERR_CRYPTO);
    assert_memory_equal(out, zero, 32);
    assert_int_equal(kdf_hkdf_sha256((struct slice){key, 32}, none, out, sizeof(out) - 1), ERR_OK);

    /* The application's own errors are still there, and none of ours. */
    assert_true(ERR_peek_last_error() == before);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_gives_rfc_5869_test_case_3),
        cmocka_unit_test(salted_hkdf_gives_rfc_5869_test_case_1),
        cmocka_unit_test(sha_256_gives_the_fips_180_examples),
        cmocka_unit_test(a_failure_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
