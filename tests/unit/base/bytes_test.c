/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_is_written_is_read_back_big_endian(void **unused)
{
    static const uint8_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 'a', 'b'};
    uint8_t buffer[17];
    struct writer w;
    struct reader r;
    (void)unused;
    writer_init(&w, buffer, sizeof(buffer));
    writer_u8(&w, 1);
    writer_u16be(&w, 0x0203);
    writer_u32be(&w, 0x04050607);
    writer_u64be(&w, 0x08090a0b0c0d0e0f);
    writer_bytes(&w, "ab", 2);
    assert_false(w.failed);
    assert_int_equal(w.len, sizeof(want));
    assert_memory_equal(buffer, want, sizeof(want));

    reader_init(&r, buffer, sizeof(buffer));
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16be(&r), 0x0203);
    assert_int_equal(reader_u32be(&r), 0x04050607);
    assert_true(reader_u64be(&r) == 0x08090a0b0c0d0e0f);
    assert_memory_equal(reader_take(&r, 2), "ab", 2);
    assert_false(r.failed);
    assert_int_equal(r.len, 0);
}

static void a_reader_that_ran_past_the_end_stays_failed(void **unused)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct reader r;
    (void)unused;
    reader_init(&r, bytes, sizeof(bytes));
    assert_int_equal(reader_u32be(&r), 0);
    assert_true(r.failed);
    assert_int_equal(reader_u8(&r), 0); /* there, but nothing after a failure is believed */
    assert_null(reader_take(&r, 0));
    assert_int_equal(r.len, 3);
}

static void a_reader_gives_all_of_its_bytes_and_not_one_more(void **unused)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct reader r;
    (void)unused;
    for (size_t want = 2; want <= 4; want++) {
        reader_init(&r, bytes, sizeof(bytes));
        assert_int_equal(reader_take(&r, want) == NULL, want > 3);
        assert_int_equal(r.failed, want > 3);
    }
    reader_init(&r, bytes, sizeof(bytes));
    assert_null(reader_take(&r, SIZE_MAX));
    reader_init(&r, NULL, 0);
    assert_null(reader_take(&r, 0));
    assert_false(r.failed);
}

static void a_writer_never_writes_past_its_end(void **unused)
{
    uint8_t buffer[4] = {9, 9, 9, 9};
    struct writer w;
    (void)unused;
    writer_init(&w, buffer, 3);
    writer_u32be(&w, 1);
    assert_true(w.failed);
    writer_u8(&w, 1); /* would fit, but a failed writer writes nothing */
    writer_bytes(&w, buffer, SIZE_MAX);
    assert_int_equal(w.len, 0);
    for (size_t i = 0; i < sizeof(buffer); i++) {
        assert_int_equal(buffer[i], 9);
    }
    writer_init(&w, buffer, 3);
    writer_bytes(&w, "abc", 3);
    assert_false(w.failed);
    writer_bytes(&w, NULL, 0);
    assert_false(w.failed);
    assert_int_equal(buffer[3], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back_big_endian),
        cmocka_unit_test(a_reader_that_ran_past_the_end_stays_failed),
        cmocka_unit_test(a_reader_gives_all_of_its_bytes_and_not_one_more),
        cmocka_unit_test(a_writer_never_writes_past_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
