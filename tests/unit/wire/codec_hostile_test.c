/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are not what an honest peer sends: every decoder refuses or keeps its promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"
#include "wire/codec.h"

struct tally {
    size_t accepted;
    size_t refused;
};

static void try_one(const struct sample_kind *kind, struct slice in, struct tally *tally)
{
    struct errbuf why = {""};
    const enum err rc = kind->decode(in, &why);
    if (rc == ERR_OK) {
        tally->accepted++;
        return;
    }
    /* A record whose format number became a later one is another version's, not broken. */
    assert_true(rc == ERR_INVALID || rc == ERR_UNSUPPORTED);
    assert_string_not_equal(why.text, "");
    tally->refused++;
}

static void every_truncation_is_refused_or_sound(void **unused)
{
    struct tally tally = {0};
    (void)unused;
    for (size_t k = 0; k < sample_kind_count; k++) {
        struct secret_buf whole = {0};
        assert_int_equal(sample_kinds[k].encode(&whole), ERR_OK);
        for (size_t len = 0; len < whole.len; len++) {
            try_one(&sample_kinds[k], (struct slice){whole.at, len}, &tally);
        }
        secret_buf_fini(&whole);
    }
    /* Protobuf may be cut between fields; all our messages have fields that must be there. */
    assert_true(tally.refused > 10 * tally.accepted);
    print_message("truncations: %zu refused, %zu accepted\n", tally.refused, tally.accepted);
}

static void every_flipped_bit_is_refused_or_sound(void **unused)
{
    struct tally tally = {0};
    (void)unused;
    for (size_t k = 0; k < sample_kind_count; k++) {
        struct secret_buf whole = {0};
        assert_int_equal(sample_kinds[k].encode(&whole), ERR_OK);
        for (size_t at = 0; at < whole.len; at++) {
            for (unsigned int bit = 0; bit < 8; bit++) {
                whole.at[at] ^= (uint8_t)(1U << bit);
                try_one(&sample_kinds[k], (struct slice){whole.at, whole.len}, &tally);
                whole.at[at] ^= (uint8_t)(1U << bit);
            }
        }
        secret_buf_fini(&whole);
    }
    assert_true(tally.accepted > 0);
    assert_true(tally.refused > 0);
    print_message("flips: %zu refused, %zu accepted\n", tally.refused, tally.accepted);
}

/* xorshift: the same garbage every time. */
static uint8_t next_byte(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint8_t)(*state >> 32);
}

static void garbage_is_refused_or_sound(void **unused)
{
    struct tally tally = {0};
    uint8_t bytes[200];
    (void)unused;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
        const size_t len = next_byte(&state) % sizeof(bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = next_byte(&state);
        }
        for (size_t k = 0; k < sample_kind_count; k++) {
            try_one(&sample_kinds[k], (struct slice){bytes, len}, &tally);
        }
    }
    assert_true(tally.refused > 10 * tally.accepted);
}

static void a_message_over_the_limit_is_refused_unread(void **unused)
{
    struct secret_buf large = {0};
    (void)unused;
    assert_int_equal(secret_buf_reserve(&large, WIRE_MESSAGE_MAX + 1), ERR_OK);
    for (size_t k = 0; k < sample_kind_count; k++) {
        struct errbuf why = {""};
        const struct slice in = {large.at, WIRE_MESSAGE_MAX + 1};
        assert_int_equal(sample_kinds[k].decode(in, &why), ERR_LIMIT);
        assert_string_not_equal(why.text, "");
    }
    secret_buf_fini(&large);
}

/* Two bytes a key: 131072 empty keys would take 15 MB apart. */
static void a_message_that_swells_when_unpacked_is_refused(void **unused)
{
    struct secret_buf large = {0};
    struct errbuf why = {""};
    (void)unused;
    const size_t inner = WIRE_MESSAGE_MAX - 4;
    assert_int_equal(secret_buf_reserve(&large, WIRE_MESSAGE_MAX), ERR_OK);
    const uint8_t head[] = {0x32, (uint8_t)(inner & 0x7f) | 0x80,
                            (uint8_t)((inner >> 7) & 0x7f) | 0x80, (uint8_t)(inner >> 14)};
    memcpy(large.at, head, sizeof(head));
    for (size_t i = 0; i < inner; i += 2) {
        large.at[sizeof(head) + i] = 0x12;
        large.at[sizeof(head) + i + 1] = 0;
    }
    struct wire_record record;
    const enum err rc =
        wire_decode_record((struct slice){large.at, WIRE_MESSAGE_MAX}, &record, &why);
    assert_int_equal(rc, ERR_INVALID);
    assert_non_null(strstr(why.text, "malformed"));
    secret_buf_fini(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused_or_sound),
        cmocka_unit_test(every_flipped_bit_is_refused_or_sound),
        cmocka_unit_test(garbage_is_refused_or_sound),
        cmocka_unit_test(a_message_over_the_limit_is_refused_unread),
        cmocka_unit_test(a_message_that_swells_when_unpacked_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
