/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct slice messages[] = {
    {(const uint8_t *)"hello", 5},
    {NULL, 0},
    {(const uint8_t *)"x", 1},
    {(const uint8_t *)"a longer one, to be split anywhere", 34},
    {NULL, 0},
};

static void join(struct secret_buf *out)
{
    for (size_t i = 0; i < COUNT(messages); i++) {
        assert_int_equal(grpc_frame_append(out, messages[i]), ERR_OK);
    }
}

/* Takes what is ready and compares it with the messages from `*next` on. */
static void take(struct grpc_assembler *a, size_t *next)
{
    struct slice message;
    while (grpc_assembler_next(a, &message)) {
        assert_in_range(*next, 0, COUNT(messages) - 1);
        assert_int_equal(message.len, messages[*next].len);
        if (message.len > 0) {
            assert_memory_equal(message.at, messages[*next].at, message.len);
        }
        (*next)++;
    }
}

static void a_frame_is_a_zero_flag_a_length_and_the_bytes(void **unused)
{
    struct secret_buf out = {0};
    (void)unused;
    assert_int_equal(grpc_frame_append(&out, messages[0]), ERR_OK);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.at, "\0\0\0\0\5hello", 10);
    secret_buf_fini(&out);
}

static void messages_come_whole_however_the_bytes_are_cut(void **unused)
{
    struct secret_buf all = {0};
    (void)unused;
    join(&all);
    for (size_t piece = 1; piece <= all.len; piece++) {
        struct grpc_assembler a;
        size_t next = 0;
        grpc_assembler_init(&a, 34);
        for (size_t at = 0; at < all.len; at += piece) {
            const size_t len = all.len - at < piece ? all.len - at : piece;
            assert_int_equal(grpc_assembler_feed(&a, (struct slice){all.at + at, len}), ERR_OK);
            take(&a, &next);
        }
        assert_int_equal(next, COUNT(messages));
        assert_false(grpc_assembler_is_partial(&a));
        grpc_assembler_fini(&a);
    }
    secret_buf_fini(&all);
}

static void a_cut_stream_is_partial_at_every_byte_but_the_boundaries(void **unused)
{
    static const size_t boundaries[] = {0, 10, 15, 21, 60, 65};
    struct secret_buf all = {0};
    (void)unused;
    join(&all);
    assert_int_equal(all.len, 65);
    for (size_t len = 0; len <= all.len; len++) {
        struct grpc_assembler a;
        size_t next = 0;
        bool is_boundary = false;
        for (size_t i = 0; i < COUNT(boundaries); i++) {
            is_boundary |= len == boundaries[i];
        }
        grpc_assembler_init(&a, 34);
        assert_int_equal(grpc_assembler_feed(&a, (struct slice){all.at, len}), ERR_OK);
        take(&a, &next);
        assert_int_equal(grpc_assembler_is_partial(&a), !is_boundary);
        grpc_assembler_fini(&a);
    }
    secret_buf_fini(&all);
}

static void a_long_message_is_refused_by_its_prefix(void **unused)
{
    static const struct {
        const char *prefix;
        size_t len;
        enum err want;
    } rows[] = {
        {"\0\0\0\1\0", 5, ERR_OK},            /* 256: the most */
        {"\0\0\0\1\1", 5, ERR_LIMIT},         /* 257 */
        {"\0\xff\xff\xff\xff", 5, ERR_LIMIT}, /* 4 GiB */
        {"\0\0\0\1", 4, ERR_OK},              /* not known yet */
        {"\1\0\0\0\0", 5, ERR_UNSUPPORTED},   /* compressed */
        {"\2\0\0\0\0", 5, ERR_UNSUPPORTED},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct grpc_assembler a;
        struct slice message;
        grpc_assembler_init(&a, 256);
        const struct slice bytes = {(const uint8_t *)rows[i].prefix, rows[i].len};
        assert_int_equal(grpc_assembler_feed(&a, bytes), rows[i].want);
        assert_false(grpc_assembler_next(&a, &message));
        grpc_assembler_fini(&a);
    }
}

static void what_stands_before_a_refused_message_still_comes_and_it_never_does(void **unused)
{
    static const uint8_t bytes[] = "\0\0\0\0\2ok\1\0\0\0\2no";
    struct grpc_assembler a;
    struct slice message;
    (void)unused;
    grpc_assembler_init(&a, 256);
    assert_int_equal(grpc_assembler_feed(&a, (struct slice){bytes, sizeof(bytes) - 1}),
                     ERR_UNSUPPORTED);
    assert_true(grpc_assembler_next(&a, &message));
    assert_int_equal(message.len, 2);
    assert_memory_equal(message.at, "ok", 2);
    assert_false(grpc_assembler_next(&a, &message));
    assert_false(grpc_assembler_next(&a, &message));
    grpc_assembler_fini(&a);
}

static void an_idle_assembler_holds_no_memory(void **unused)
{
    struct secret_buf all = {0};
    struct grpc_assembler a;
    size_t next = 0;
    (void)unused;
    join(&all);
    grpc_assembler_init(&a, 256);
    assert_int_equal(grpc_assembler_feed(&a, (struct slice){all.at, all.len}), ERR_OK);
    assert_non_null(a.buf.at);
    take(&a, &next);
    assert_null(a.buf.at);
    secret_buf_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_a_zero_flag_a_length_and_the_bytes),
        cmocka_unit_test(messages_come_whole_however_the_bytes_are_cut),
        cmocka_unit_test(a_cut_stream_is_partial_at_every_byte_but_the_boundaries),
        cmocka_unit_test(a_long_message_is_refused_by_its_prefix),
        cmocka_unit_test(what_stands_before_a_refused_message_still_comes_and_it_never_does),
        cmocka_unit_test(an_idle_assembler_holds_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
