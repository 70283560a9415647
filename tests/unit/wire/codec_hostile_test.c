/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that are not what an honest peer sends: every decoder refuses or keeps its promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "samples.h"
#include "support/mutate.h"
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

/* ---- generated, for each message type ---- */

#define CASES_EACH 2000

static void generated_messages_are_refused_or_sound(void **unused)
{
    struct mutate m;
    struct tally all = {0};

    (void)unused;
    mutate_seed(&m, MUTATE_SEED);
    for (size_t k = 0; k < sample_kind_count; k++) {
        struct tally tally = {0};
        struct secret_buf whole = {0};
        uint8_t bytes[8192];
        assert_int_equal(sample_kinds[k].encode(&whole), ERR_OK);
        for (size_t i = 0; i < CASES_EACH; i++) {
            const size_t len =
                mutate_bytes(&m, (struct slice){whole.at, whole.len}, bytes, sizeof(bytes));
            try_one(&sample_kinds[k], (struct slice){bytes, len}, &tally);
        }
        print_message("%-15s %zu accepted, %zu refused\n", sample_kinds[k].name, tally.accepted,
                      tally.refused);
        assert_int_equal(tally.accepted + tally.refused, CASES_EACH);
        assert_true(tally.refused > CASES_EACH / 100);
        all.accepted += tally.accepted;
        all.refused += tally.refused;
        secret_buf_fini(&whole);
    }
    print_message("seed %llu: %zu messages of %zu types\n", (unsigned long long)MUTATE_SEED,
                  all.accepted + all.refused, sample_kind_count);
    assert_true(all.accepted > all.refused / 100);
}

/* ---- bombs: small to send, large to keep ---- */

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) {
        to[len++] = (uint8_t)(value | 0x80);
    }
    to[len++] = (uint8_t)value;
    return len;
}

/* Field 1 within field 1 within ...: each level is written around the one before, from the end. */
static size_t nest(uint8_t *bytes, size_t cap)
{
    size_t at = cap;
    for (;;) {
        uint8_t head[11] = {0x0a};
        const size_t len = 1 + put_varint(head + 1, cap - at);
        if (len > at) {
            break;
        }
        at -= len;
        memcpy(bytes + at, head, len);
    }
    memmove(bytes, bytes + at, cap - at);
    return cap - at;
}

static size_t repeat(uint8_t *bytes, size_t cap, const void *piece, size_t len)
{
    size_t at = 0;
    for (; at + len <= cap; at += len) {
        memcpy(bytes + at, piece, len);
    }
    return at;
}

static void bombs_of_the_largest_size_are_refused_or_sound(void **unused)
{
    static const struct {
        const char *name;
        const char *piece;
        size_t len;
    } rows[] = {
        {"unknown fields", "\xa0\x06\x01", 3},
        {"unknown strings", "\xa2\x06\x01x", 4},
        {"field 1 again", "\x0a\x01x", 3},
        {"field 2 again", "\x12\x00", 2},
        {"field 3 again", "\x1a\x00", 2},
        {"field 6 again", "\x32\x00", 2},
        {"groups", "\x0b", 1},
        {"groups, ended", "\x0b\x0c", 2},
        {"endless varint", "\xff", 1},
        {"a length of 2^63", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},
    };
    static uint8_t bytes[WIRE_MESSAGE_MAX];
    struct tally tally = {0};

    (void)unused;
    for (size_t k = 0; k < sample_kind_count; k++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const size_t len = repeat(bytes, sizeof(bytes), rows[i].piece, rows[i].len);
            assert_true(len / rows[i].len > 65000 || rows[i].len == 10);
            try_one(&sample_kinds[k], (struct slice){bytes, len}, &tally);
        }
        const size_t len = nest(bytes, sizeof(bytes));
        try_one(&sample_kinds[k], (struct slice){bytes, len}, &tally);
    }
    print_message("bombs: %zu refused, %zu accepted\n", tally.refused, tally.accepted);
    assert_true(tally.refused > 4 * sample_kind_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused_or_sound),
        cmocka_unit_test(every_flipped_bit_is_refused_or_sound),
        cmocka_unit_test(garbage_is_refused_or_sound),
        cmocka_unit_test(a_message_over_the_limit_is_refused_unread),
        cmocka_unit_test(a_message_that_swells_when_unpacked_is_refused),
        cmocka_unit_test(generated_messages_are_refused_or_sound),
        cmocka_unit_test(bombs_of_the_largest_size_are_refused_or_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
