/* SPDX-License-Identifier: Apache-2.0 */
/* Generated streams of length-prefixed messages, in pieces of any size, against a reading of the
 * rules that has the whole stream at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/mutate.h"
#include "wire/grpc_frame.h"

#define CASES       5000
#define MESSAGE_MAX 64

/* What a stream comes to. */
struct reading {
    enum err end; /* ERR_OK: taken as far as it goes */
    size_t messages;
    size_t bytes; /* of the messages */
    uint32_t sum; /* over them, in order */
};

static void note(struct reading *r, const uint8_t *at, size_t len)
{
    r->messages++;
    r->bytes += len;
    for (size_t i = 0; i < len; i++) {
        r->sum = r->sum * 31 + at[i];
    }
}

static struct reading read_by_the_rules(const uint8_t *at, size_t len)
{
    struct reading r = {.end = ERR_OK};

    while (len >= GRPC_PREFIX_LEN) {
        const size_t size = (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
        if (at[0] != 0) {
            r.end = ERR_UNSUPPORTED;
            return r;
        }
        if (size > MESSAGE_MAX) {
            r.end = ERR_LIMIT;
            return r;
        }
        if (size > len - GRPC_PREFIX_LEN) {
            return r;
        }
        note(&r, at + GRPC_PREFIX_LEN, size);
        at += GRPC_PREFIX_LEN + size;
        len -= GRPC_PREFIX_LEN + size;
    }
    return r;
}

static struct reading read_in_pieces(struct mutate *m, const uint8_t *at, size_t len)
{
    struct reading r = {.end = ERR_OK};
    struct grpc_assembler a;
    struct slice message;

    grpc_assembler_init(&a, MESSAGE_MAX);
    while (len > 0 && r.end == ERR_OK) {
        const size_t piece = 1 + mutate_below(m, len < 40 ? len : 40);
        r.end = grpc_assembler_feed(&a, (struct slice){at, piece});
        while (grpc_assembler_next(&a, &message)) {
            note(&r, message.at, message.len);
        }
        /* A message of the limit and what one piece brings: nothing else is kept. */
        assert_true(a.buf.len <= 2 * (GRPC_PREFIX_LEN + MESSAGE_MAX) + 40);
        at += piece;
        len -= piece;
    }
    grpc_assembler_fini(&a);
    return r;
}

static void valid_stream(struct mutate *m, struct secret_buf *out)
{
    uint8_t bytes[MESSAGE_MAX] = {0};

    for (size_t n = 1 + mutate_below(m, 5); n > 0; n--) {
        const size_t len = mutate_below(m, MESSAGE_MAX + 1);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)mutate_next(m);
        }
        assert_int_equal(grpc_frame_append(out, (struct slice){bytes, len}), ERR_OK);
    }
}

static void generated_streams_are_read_as_the_rules_say(void **unused)
{
    struct mutate m;
    size_t ends[3] = {0};
    size_t messages = 0;

    (void)unused;
    mutate_seed(&m, MUTATE_SEED);
    for (size_t i = 0; i < CASES; i++) {
        uint8_t bytes[1024];
        struct secret_buf valid = {0};
        valid_stream(&m, &valid);
        const size_t len =
            mutate_bytes(&m, (struct slice){valid.at, valid.len}, bytes, sizeof(bytes));
        const struct reading want = read_by_the_rules(bytes, len);
        const struct reading got = read_in_pieces(&m, bytes, len);
        assert_int_equal(got.end, want.end);
        assert_int_equal(got.messages, want.messages);
        assert_int_equal(got.bytes, want.bytes);
        assert_int_equal(got.sum, want.sum);
        ends[got.end == ERR_OK ? 0 : got.end == ERR_LIMIT ? 1 : 2]++;
        messages += got.messages;
        secret_buf_fini(&valid);
    }
    print_message("seed %llu: %d streams, %zu messages: %zu taken, %zu too large, %zu compressed\n",
                  (unsigned long long)MUTATE_SEED, CASES, messages, ends[0], ends[1], ends[2]);
    assert_true(ends[0] > CASES / 20 && ends[1] > CASES / 20 && ends[2] > CASES / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_streams_are_read_as_the_rules_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
