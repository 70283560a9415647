/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/kdf.h>

#include "fixture.h"
#include "keyring/derive.h"

static struct policy policy;
static bool kdf_fails;

/* The linker puts it in place of OpenSSL's. */
int __real_EVP_KDF_derive(EVP_KDF_CTX *ctx, unsigned char *out, size_t len,
                          const OSSL_PARAM params[]);
int __wrap_EVP_KDF_derive(EVP_KDF_CTX *ctx, unsigned char *out, size_t len,
                          const OSSL_PARAM params[]);
int __wrap_EVP_KDF_derive(EVP_KDF_CTX *ctx, unsigned char *out, size_t len,
                          const OSSL_PARAM params[])
{
    return kdf_fails ? 0 : __real_EVP_KDF_derive(ctx, out, len, params);
}

static int set_up(void **unused)
{
    (void)unused;
    policy = policy_default(12 * HOUR);
    return 0;
}

static struct key sound_key(void)
{
    return fixture_key(1, &policy, T0, T0 + MINUTE);
}

/* Judges a ring of one key; the sentence must name the key and never its bytes. */
static enum err judge(const struct key *key, int64_t now)
{
    struct errbuf why = {""};
    struct keyring ring = fixture_ring();
    fixture_add(&ring, key);
    const enum err rc = check_arrival(&ring, now, &why);
    if (rc != ERR_OK) {
        char name[2 * KEY_NAME_LEN + 1];
        char bytes[2 * KEY_LEN + 1];
        text_hex_encode(key->name, KEY_NAME_LEN, name);
        text_hex_encode(key->bytes, KEY_LEN, bytes);
        assert_non_null(strstr(why.text, name));
        assert_null(strstr(why.text, bytes));
        assert_int_equal(rc, ERR_INVALID);
    }
    keyring_fini(&ring);
    return rc;
}

static void a_sound_key_passes(void **unused)
{
    struct key key = sound_key();
    (void)unused;
    assert_int_equal(judge(&key, T0), ERR_OK);
    assert_int_equal(check_key(&key, "web", NULL), ERR_OK);
    assert_int_equal(check_key(&key, "mail", NULL), ERR_INVALID);
    key.revoked = true;
    assert_int_equal(judge(&key, T0), ERR_OK);
    key_wipe(&key);
    assert_int_equal(judge(&key, T0), ERR_OK);
}

/* A daemon short of memory must not call the record of a sound one broken: somebody might delete
 * it. */
static void a_key_that_could_not_be_checked_is_not_called_broken(void **unused)
{
    const struct key key = sound_key();
    struct keyring ring = fixture_ring();
    struct errbuf why = {""};

    (void)unused;
    fixture_add(&ring, &key);
    kdf_fails = true;
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_CRYPTO);
    kdf_fails = false;
    assert_non_null(strstr(why.text, "could not be checked"));
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_OK);
    keyring_fini(&ring);
}

static void a_weak_key_is_refused_even_under_its_rightful_name(void **unused)
{
    (void)unused;
    for (int value = 0; value < 256; value += 51) {
        struct key key = sound_key();
        memset(key.bytes, value, KEY_LEN);
        assert_int_equal(derive_name(key.bytes, "web", key.name), ERR_OK);
        assert_int_equal(judge(&key, T0), ERR_INVALID);
    }
}

static void a_truncated_or_ill_named_key_is_refused(void **unused)
{
    struct key key = sound_key();
    (void)unused;
    key.bytes[KEY_LEN - 1] ^= 1;
    assert_int_equal(judge(&key, T0), ERR_INVALID);
    key = sound_key();
    memset(key.bytes + 16, 0, 16);
    assert_int_equal(judge(&key, T0), ERR_INVALID);
    key = sound_key();
    key.name[0] ^= 1;
    assert_int_equal(judge(&key, T0), ERR_INVALID);
    key = sound_key();
    assert_int_equal(derive_name(key.bytes, "mail", key.name), ERR_OK);
    assert_int_equal(judge(&key, T0), ERR_INVALID);
}

static void a_tombstone_with_bytes_or_a_weak_name_is_refused(void **unused)
{
    struct key key = sound_key();
    (void)unused;
    key.revoked = true;
    key.has_bytes = false;
    assert_int_equal(judge(&key, T0), ERR_INVALID);
    memset(key.bytes, 0x11, KEY_LEN);
    assert_int_equal(judge(&key, T0), ERR_INVALID);
    memset(key.bytes, 0, KEY_LEN);
    assert_int_equal(judge(&key, T0), ERR_OK);
    memset(key.name, 0, KEY_NAME_LEN);
    assert_int_equal(judge(&key, T0), ERR_INVALID);
}

static void the_future_begins_where_two_sound_clocks_end(void **unused)
{
    static const struct {
        int64_t ahead;
        enum err want;
    } rows[] = {{CHECK_FUTURE_MAX_MS - 1, ERR_OK},
                {CHECK_FUTURE_MAX_MS, ERR_OK},
                {CHECK_FUTURE_MAX_MS + 1, ERR_INVALID}};
    const struct key key = sound_key();
    struct key wiped = sound_key();
    (void)unused;
    key_wipe(&wiped);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(judge(&key, key.published_at - rows[i].ahead), rows[i].want);
        /* A daemon that is ahead drops sooner than we would. */
        assert_int_equal(judge(&wiped, wiped.dropped_from - rows[i].ahead), rows[i].want);
    }
    assert_int_equal(judge(&key, INT64_MIN), ERR_INVALID);
}

static void a_key_of_more_than_seven_days_is_refused(void **unused)
{
    (void)unused;
    for (int64_t more = -1; more <= 1; more++) {
        struct key key = sound_key();
        key.forgotten_from = key.published_at + POLICY_LIFE_MAX_MS + more;
        assert_int_equal(judge(&key, T0), more <= 0 ? ERR_OK : ERR_INVALID);
    }
}

static void any_disorder_of_dates_is_refused(void **unused)
{
    (void)unused;
    for (size_t at = 0; at < 4; at++) {
        struct key key = sound_key();
        int64_t *const dates[] = {&key.published_at, &key.active_from, &key.retired_from,
                                  &key.dropped_from, &key.forgotten_from};
        const int64_t held = *dates[at];
        *dates[at] = *dates[at + 1] + (at == 0 || at == 3 ? 1 : 0);
        assert_int_equal(judge(&key, T0), ERR_INVALID);
        *dates[at] = held;
        assert_int_equal(judge(&key, T0), ERR_OK);
    }
}

static void any_dates_and_any_now_are_judged_without_overflow(void **unused)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1,       0, 1,
                                     T0,        INT64_MAX - 1, INT64_MAX};
    struct rng rng = {7};
    (void)unused;
    for (size_t i = 0; i < (size_t)FIXTURE_HISTORIES(20000); i++) {
        struct key key = sound_key();
        int64_t *const dates[] = {&key.published_at, &key.active_from, &key.retired_from,
                                  &key.dropped_from, &key.forgotten_from};
        for (size_t d = 0; d < 5; d++) {
            *dates[d] = values[rng_below(&rng, 8)];
        }
        const int64_t now = values[rng_below(&rng, 8)];
        if (rng_chance(&rng, 50)) {
            key_wipe(&key);
        }
        const bool can_pass =
            key_dates_are_sound(&key) && (key.forgotten_from < INT64_MIN + 2 * POLICY_LIFE_MAX_MS ||
                                          key.published_at > -POLICY_LIFE_MAX_MS);
        if (judge(&key, now) == ERR_OK) {
            assert_true(can_pass);
        }
    }
}

static void names_listed_twice_or_unsorted_are_refused(void **unused)
{
    struct errbuf why = {""};
    struct keyring ring = fixture_ring();
    (void)unused;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + MINUTE);
        fixture_add(&ring, &key);
    }
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_OK);
    const struct key first = ring.keys[0];
    ring.keys[0] = ring.keys[1];
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_INVALID); /* the same bytes twice, too */
    ring.keys[1] = first;
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_INVALID);
    keyring_fini(&ring);
}

static void a_ring_has_at_most_256_entries(void **unused)
{
    struct errbuf why = {""};
    struct keyring ring = fixture_ring();
    (void)unused;
    for (uint64_t seed = 0; seed < CHECK_ENTRIES_MAX; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + MINUTE);
        fixture_add(&ring, &key);
    }
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_OK);
    const struct key key = fixture_key(CHECK_ENTRIES_MAX, &policy, T0, T0 + MINUTE);
    fixture_add(&ring, &key);
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_INVALID);
    keyring_fini(&ring);

    const struct keyring nameless = {0};
    assert_int_equal(check_arrival(&nameless, T0, &why), ERR_INVALID);
}

static void dates_of_birth_may_not_differ(void **unused)
{
    struct errbuf why = {""};
    struct keyring held = fixture_ring();
    struct keyring arrived = fixture_ring();
    const struct key key = sound_key();
    const struct key other = fixture_key(2, &policy, T0 + 5, T0 + MINUTE);
    (void)unused;
    fixture_add(&held, &key);
    fixture_add(&arrived, &key);
    fixture_add(&arrived, &other);
    arrived.keys[0].dropped_from -= 10;
    arrived.keys[1].dropped_from -= 10;
    assert_int_equal(check_same_birth(&held, &arrived, &why), ERR_OK);
    struct key *ours = keyring_find(&held, key.name);
    ours->published_at--;
    assert_int_equal(check_same_birth(&held, &arrived, &why), ERR_INVALID);
    ours->published_at++;
    ours->forgotten_from++;
    assert_int_equal(check_same_birth(&held, &arrived, &why), ERR_INVALID);
    keyring_fini(&held);
    keyring_fini(&arrived);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_key_passes),
        cmocka_unit_test(a_key_that_could_not_be_checked_is_not_called_broken),
        cmocka_unit_test(a_weak_key_is_refused_even_under_its_rightful_name),
        cmocka_unit_test(a_truncated_or_ill_named_key_is_refused),
        cmocka_unit_test(a_tombstone_with_bytes_or_a_weak_name_is_refused),
        cmocka_unit_test(the_future_begins_where_two_sound_clocks_end),
        cmocka_unit_test(a_key_of_more_than_seven_days_is_refused),
        cmocka_unit_test(any_disorder_of_dates_is_refused),
        cmocka_unit_test(any_dates_and_any_now_are_judged_without_overflow),
        cmocka_unit_test(names_listed_twice_or_unsorted_are_refused),
        cmocka_unit_test(a_ring_has_at_most_256_entries),
        cmocka_unit_test(dates_of_birth_may_not_differ),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
