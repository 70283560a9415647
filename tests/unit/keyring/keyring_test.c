/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

static struct policy policy;

static void keys_are_kept_sorted_and_found_by_name(void **unused)
{
    struct keyring ring = fixture_ring();
    (void)unused;
    for (uint64_t seed = 0; seed < 200; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + HOUR);
        assert_null(keyring_find(&ring, key.name));
        fixture_add(&ring, &key);
        assert_int_equal(keyring_add(&ring, &key), ERR_CONFLICT);
    }
    assert_int_equal(ring.count, 200);
    for (size_t i = 1; i < ring.count; i++) {
        assert_true(memcmp(ring.keys[i - 1].name, ring.keys[i].name, KEY_NAME_LEN) < 0);
    }
    for (uint64_t seed = 0; seed < 200; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + HOUR);
        const struct key *found = keyring_find(&ring, key.name);
        assert_non_null(found);
        assert_memory_equal(found->bytes, key.bytes, KEY_LEN);
    }
    keyring_fini(&ring);
    keyring_fini(&ring);
    assert_null(keyring_find(&ring, (const uint8_t[KEY_NAME_LEN]){0}));
}

static void a_removed_key_leaves_zeros_behind(void **unused)
{
    static const struct key zero;
    struct keyring ring = fixture_ring();
    (void)unused;
    for (uint64_t seed = 0; seed < 3; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + HOUR);
        fixture_add(&ring, &key);
    }
    const struct key last = ring.keys[2];
    keyring_remove_at(&ring, 1);
    assert_int_equal(ring.count, 2);
    assert_memory_equal(ring.keys[1].name, last.name, KEY_NAME_LEN);
    assert_memory_equal(&ring.keys[2], &zero, sizeof(zero));
    keyring_remove_at(&ring, 1);
    keyring_remove_at(&ring, 0);
    assert_memory_equal(&ring.keys[0], &zero, sizeof(zero));
    keyring_fini(&ring);
}

static void a_copy_replaces_everything_and_wipes_the_rest(void **unused)
{
    static const struct key zero;
    struct keyring large = fixture_ring();
    struct keyring small = {0};
    (void)unused;
    assert_int_equal(keyring_init(&small, "mail"), ERR_OK);
    for (uint64_t seed = 0; seed < 40; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + HOUR);
        fixture_add(&large, &key);
    }
    const struct key key = fixture_key(99, &policy, T0, T0 + HOUR);
    fixture_add(&small, &key);
    assert_int_equal(keyring_copy(&large, &small), ERR_OK);
    assert_true(fixture_rings_are_equal(&large, &small));
    for (size_t i = 1; i < 40; i++) {
        assert_memory_equal(&large.keys[i], &zero, sizeof(zero));
    }
    assert_int_equal(keyring_copy(&large, &large), ERR_OK);
    assert_true(fixture_rings_are_equal(&large, &small));
    keyring_fini(&large);
    keyring_fini(&small);
}

static void a_swap_exchanges_everything(void **unused)
{
    struct keyring a = fixture_ring();
    struct keyring b = {0};
    const struct key key = fixture_key(1, &policy, T0, T0 + HOUR);
    (void)unused;
    fixture_add(&a, &key);
    keyring_swap(&a, &b);
    assert_int_equal(a.count, 0);
    assert_int_equal(b.count, 1);
    assert_string_equal(b.realm, "web");
    keyring_fini(&b);
}

static void a_bad_realm_name_makes_no_ring(void **unused)
{
    struct keyring ring = {.count = 77};
    (void)unused;
    assert_int_equal(keyring_init(&ring, "Web"), ERR_INVALID);
    assert_int_equal(ring.count, 77);
}

static void the_latest_active_key_encrypts_and_ties_go_to_the_smallest_name(void **unused)
{
    struct keyring ring = fixture_ring();
    (void)unused;
    assert_null(keyring_pick(&ring, T0));
    struct key older = fixture_key(1, &policy, T0, T0 + HOUR);
    struct key newer = fixture_key(2, &policy, T0, T0 + 2 * HOUR);
    fixture_add(&ring, &older);
    fixture_add(&ring, &newer);
    for (uint64_t seed = 10; seed < 20; seed++) {
        const struct key twin = fixture_key(seed, &policy, T0, T0 + 3 * HOUR);
        fixture_add(&ring, &twin);
    }
    assert_null(keyring_pick(&ring, T0 + HOUR - 1));
    assert_memory_equal(keyring_pick(&ring, T0 + HOUR)->name, older.name, KEY_NAME_LEN);
    assert_memory_equal(keyring_pick(&ring, T0 + 2 * HOUR - 1)->name, older.name, KEY_NAME_LEN);
    assert_memory_equal(keyring_pick(&ring, T0 + 2 * HOUR)->name, newer.name, KEY_NAME_LEN);
    const struct key *picked = keyring_pick(&ring, T0 + 3 * HOUR);
    for (size_t i = 0; i < ring.count; i++) {
        if (ring.keys[i].active_from == T0 + 3 * HOUR) {
            assert_true(memcmp(picked->name, ring.keys[i].name, KEY_NAME_LEN) <= 0);
        }
    }
    keyring_find(&ring, newer.name)->revoked = true;
    assert_memory_equal(keyring_pick(&ring, T0 + 2 * HOUR)->name, older.name, KEY_NAME_LEN);
    key_wipe(keyring_find(&ring, older.name));
    assert_null(keyring_pick(&ring, T0 + 2 * HOUR));
    keyring_fini(&ring);
}

static void bytes_go_at_dropped_from_and_entries_at_forgotten_from(void **unused)
{
    struct keyring ring = fixture_ring();
    struct key key = fixture_key(1, &policy, T0, T0 + HOUR);
    struct key revoked = fixture_key(2, &policy, T0, T0 + HOUR);
    (void)unused;
    key.dropped_from -= 10;
    revoked.revoked = true;
    fixture_add(&ring, &key);
    fixture_add(&ring, &revoked);

    assert_int_equal(keyring_drop(&ring, key.dropped_from - 1), 1); /* the revoked one */
    assert_false(keyring_find(&ring, revoked.name)->has_bytes);
    assert_true(keyring_find(&ring, key.name)->has_bytes);
    assert_int_equal(keyring_drop(&ring, key.dropped_from), 1);
    assert_int_equal(keyring_drop(&ring, key.dropped_from), 0);
    assert_int_equal(keyring_forget(&ring, key.forgotten_from - 1), 0);
    assert_int_equal(keyring_forget(&ring, key.forgotten_from), 2);
    assert_int_equal(ring.count, 0);
    keyring_fini(&ring);
}

static void the_digest_speaks_of_dates_and_revocation_but_never_of_bytes(void **unused)
{
    struct keyring ring = fixture_ring();
    const struct key key = fixture_key(1, &policy, T0, T0 + HOUR);
    uint8_t before[DIGEST_LEN];
    uint8_t after[DIGEST_LEN];
    (void)unused;
    fixture_add(&ring, &key);
    assert_int_equal(keyring_digest(&ring, before), ERR_OK);
    key_wipe(&ring.keys[0]);
    assert_int_equal(keyring_digest(&ring, after), ERR_OK);
    assert_memory_equal(before, after, DIGEST_LEN);
    ring.keys[0].dropped_from--;
    assert_int_equal(keyring_digest(&ring, after), ERR_OK);
    assert_memory_not_equal(before, after, DIGEST_LEN);
    ring.keys[0].dropped_from++;
    ring.keys[0].revoked = true;
    assert_int_equal(keyring_digest(&ring, after), ERR_OK);
    assert_memory_not_equal(before, after, DIGEST_LEN);
    keyring_fini(&ring);
}

static int set_up(void **unused)
{
    (void)unused;
    policy = policy_default(12 * HOUR);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_kept_sorted_and_found_by_name),
        cmocka_unit_test(a_removed_key_leaves_zeros_behind),
        cmocka_unit_test(a_copy_replaces_everything_and_wipes_the_rest),
        cmocka_unit_test(a_swap_exchanges_everything),
        cmocka_unit_test(a_bad_realm_name_makes_no_ring),
        cmocka_unit_test(the_latest_active_key_encrypts_and_ties_go_to_the_smallest_name),
        cmocka_unit_test(bytes_go_at_dropped_from_and_entries_at_forgotten_from),
        cmocka_unit_test(the_digest_speaks_of_dates_and_revocation_but_never_of_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
