/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/derive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "derive_vectors.h"
#include "keyring/keyring.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static void decode(const char *hex, uint8_t *out, size_t len)
{
    assert_int_equal(text_hex_decode(hex, out, len), ERR_OK);
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
    char hex[2 * 64 + 1];
    assert_true(len <= 64);
    text_hex_encode(bytes, len, hex);
    assert_string_equal(hex, want);
}

static void names_and_subkeys_are_those_of_the_independent_script(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(derive_vectors); i++) {
        const struct derive_vector *row = &derive_vectors[i];
        struct key key = {.has_bytes = true};
        struct subkeys subkeys;
        uint8_t profile[SUBKEY_PROFILE48_LEN];
        decode(row->bytes, key.bytes, KEY_LEN);
        assert_int_equal(derive_name(key.bytes, row->realm, key.name), ERR_OK);
        assert_hex(key.name, KEY_NAME_LEN, row->name);
        assert_int_equal(derive_subkeys(key.bytes, row->realm, row->context, &subkeys), ERR_OK);
        assert_hex(subkeys.aes, SUBKEY_AES_LEN, row->aes);
        assert_hex(subkeys.hmac, SUBKEY_HMAC_LEN, row->hmac);
        assert_int_equal(derive_profile48(key.bytes, row->realm, row->context, profile), ERR_OK);
        assert_hex(profile, sizeof(profile), row->profile48);
        assert_int_equal(derive_check_name(&key, row->realm), ERR_OK);
    }
}

static void digests_are_those_of_the_independent_script(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(digest_vectors); i++) {
        const struct digest_vector *row = &digest_vectors[i];
        struct keyring ring;
        uint8_t digest[DIGEST_LEN];
        assert_int_equal(keyring_init(&ring, row->realm), ERR_OK);
        for (size_t j = 0; j < row->count; j++) {
            const int64_t *dates = row->keys[j].dates;
            struct key key = {.published_at = dates[0],
                              .active_from = dates[1],
                              .retired_from = dates[2],
                              .dropped_from = dates[3],
                              .forgotten_from = dates[4],
                              .revoked = row->keys[j].revoked};
            decode(row->keys[j].name, key.name, KEY_NAME_LEN);
            assert_int_equal(keyring_add(&ring, &key), ERR_OK);
        }
        assert_int_equal(keyring_digest(&ring, digest), ERR_OK);
        assert_hex(digest, sizeof(digest), row->digest);
        keyring_fini(&ring);
    }
}

static void a_name_certifies_its_bytes_in_its_realm_only(void **unused)
{
    struct key key = {.has_bytes = true, .bytes = {1, 2, 3}};
    (void)unused;
    assert_int_equal(derive_name(key.bytes, "web", key.name), ERR_OK);
    assert_int_equal(derive_check_name(&key, "web"), ERR_OK);
    assert_int_equal(derive_check_name(&key, "mail"), ERR_INVALID);
    assert_int_equal(derive_check_name(&key, "Not A Realm"), ERR_INVALID);
    for (size_t at = 0; at < KEY_LEN; at++) {
        key.bytes[at] ^= 1;
        assert_int_equal(derive_check_name(&key, "web"), ERR_INVALID);
        key.bytes[at] ^= 1;
    }
    for (size_t at = 0; at < KEY_NAME_LEN; at++) {
        key.name[at] ^= 0x80;
        assert_int_equal(derive_check_name(&key, "web"), ERR_INVALID);
        key.name[at] ^= 0x80;
    }
}

static void realm_and_context_never_run_into_each_other(void **unused)
{
    static const uint8_t bytes[KEY_LEN] = {9, 8, 7};
    static const struct {
        const char *realm;
        const char *context;
    } rows[] = {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"ab", ""}, {"a", "b"}};
    struct subkeys subkeys[COUNT_OF(rows)];
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(derive_subkeys(bytes, rows[i].realm, rows[i].context, &subkeys[i]),
                         ERR_OK);
        assert_memory_not_equal(subkeys[i].aes, subkeys[i].hmac, SUBKEY_AES_LEN);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(subkeys[i].aes, subkeys[j].aes, SUBKEY_AES_LEN);
            assert_memory_not_equal(subkeys[i].hmac, subkeys[j].hmac, SUBKEY_HMAC_LEN);
        }
    }
}

static void a_bad_realm_or_context_gives_zeros(void **unused)
{
    static const uint8_t bytes[KEY_LEN] = {1};
    static const struct subkeys zero;
    char context[CONTEXT_MAX + 2];
    struct subkeys subkeys;
    uint8_t name[KEY_NAME_LEN];
    (void)unused;

    memset(name, 0xaa, sizeof(name));
    assert_int_equal(derive_name(bytes, "", name), ERR_INVALID);
    assert_memory_equal(name, &zero, sizeof(name));

    memset(context, 'c', sizeof(context));
    context[CONTEXT_MAX + 1] = '\0';
    memset(&subkeys, 0xaa, sizeof(subkeys));
    assert_int_equal(derive_subkeys(bytes, "web", context, &subkeys), ERR_INVALID);
    assert_memory_equal(&subkeys, &zero, sizeof(subkeys));
    context[CONTEXT_MAX] = '\0';
    assert_int_equal(derive_subkeys(bytes, "web", context, &subkeys), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_subkeys_are_those_of_the_independent_script),
        cmocka_unit_test(digests_are_those_of_the_independent_script),
        cmocka_unit_test(a_name_certifies_its_bytes_in_its_realm_only),
        cmocka_unit_test(realm_and_context_never_run_into_each_other),
        cmocka_unit_test(a_bad_realm_or_context_gives_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
