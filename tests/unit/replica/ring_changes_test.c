/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/ring_changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool note(struct ring_changes *changes, uint8_t first_byte, uint64_t revocations)
{
    const uint8_t digest[DIGEST_LEN] = {first_byte};

    return ring_changes_note(changes, digest, revocations);
}

static uint64_t find(const struct ring_changes *changes, uint8_t first_byte)
{
    const uint8_t digest[DIGEST_LEN] = {first_byte};

    return ring_changes_find(changes, digest);
}

static void an_equal_digest_is_no_change(void **unused)
{
    struct ring_changes changes = {0};

    (void)unused;
    assert_true(note(&changes, 1, 0));
    assert_false(note(&changes, 1, 0));
    assert_true(note(&changes, 2, 0));
    assert_int_equal(changes.count, 2);
    assert_int_equal(find(&changes, 1), 1);
    assert_int_equal(find(&changes, 2), 2);
    assert_int_equal(find(&changes, 3), 0);
}

/* The digest of zeros is as good as any, and unused places are not taken for it. */
static void nothing_is_found_before_the_first_change(void **unused)
{
    struct ring_changes changes = {0};

    (void)unused;
    assert_int_equal(find(&changes, 0), 0);
    assert_true(note(&changes, 0, 0));
    assert_int_equal(find(&changes, 0), 1);
}

static void the_newest_revocation_has_the_number_of_its_change(void **unused)
{
    struct ring_changes changes = {0};

    (void)unused;
    (void)note(&changes, 1, 0);
    assert_int_equal(changes.revoked, 0);
    (void)note(&changes, 2, 1);
    assert_int_equal(changes.revoked, 2);
    (void)note(&changes, 3, 1);
    assert_int_equal(changes.revoked, 2);
    (void)note(&changes, 4, 5);
    assert_int_equal(changes.revoked, 4);
}

static void of_equal_digests_the_newest_counts(void **unused)
{
    struct ring_changes changes = {0};

    (void)unused;
    (void)note(&changes, 1, 0);
    (void)note(&changes, 2, 0);
    (void)note(&changes, 1, 0);
    assert_int_equal(find(&changes, 1), 3);
}

static void the_oldest_is_forgotten_first(void **unused)
{
    struct ring_changes changes = {0};

    (void)unused;
    for (unsigned int i = 1; i <= RING_CHANGES_KEPT + 1; i++) {
        assert_true(note(&changes, (uint8_t)i, 0));
    }
    assert_int_equal(find(&changes, 1), 0);
    assert_int_equal(find(&changes, 2), 2);
    assert_int_equal(find(&changes, RING_CHANGES_KEPT + 1), RING_CHANGES_KEPT + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_equal_digest_is_no_change),
        cmocka_unit_test(nothing_is_found_before_the_first_change),
        cmocka_unit_test(the_newest_revocation_has_the_number_of_its_change),
        cmocka_unit_test(of_equal_digests_the_newest_counts),
        cmocka_unit_test(the_oldest_is_forgotten_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
