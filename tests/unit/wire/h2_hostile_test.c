/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks on a session, and generated conversations: what is refused is counted, and nothing else
 * suffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "h2_pair.h"
#include "h2_raw.h"
#include "support/mutate.h"

#define CASES 3000

static size_t all_refusals(const struct h2_side *side)
{
    size_t sum = 0;
    for (size_t i = 0; i < H2_REFUSALS; i++) {
        sum += side->refusals[i];
    }
    return sum;
}

/* Takes and throws away what the session wants to send. */
static void drain_all(struct h2_side *side)
{
    struct slice out;
    do {
        assert_int_equal(h2_session_drain(side->session, &out, NULL), ERR_OK);
    } while (out.len > 0);
}

static enum err feed(struct h2_side *side, struct secret_buf *in)
{
    struct errbuf why = {""};
    const enum err rc = h2_session_feed(side->session, (struct slice){in->at, in->len}, &why);
    assert_true(rc == ERR_OK || rc == ERR_PROTOCOL);
    assert_int_equal(rc == ERR_OK, why.text[0] == '\0');
    secret_buf_consume(in, in->len);
    return rc;
}

/* ---- each refusal is counted, once, as what it is ---- */

#define GRPC_REQUEST(more)                                                                         \
    ":method: POST\n:scheme: http\n:path: /a/B\n:authority: h\ncontent-type: "                     \
    "application/grpc\n" more

struct offence {
    const char *name;
    const char *headers;
    struct slice body;
    bool ends;
    enum h2_refusal want;
};

#define BODY(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static const struct offence offences[] = {
    {"GET",
     ":method: GET\n:scheme: http\n:path: /a/B\n:authority: h\n",
     {NULL, 0},
     true,
     H2_REFUSED_REQUEST},
    {"no gRPC",
     ":method: POST\n:scheme: http\n:path: /a/B\n:authority: h\n",
     {NULL, 0},
     true,
     H2_REFUSED_REQUEST},
    {"bad timeout", GRPC_REQUEST("grpc-timeout: soon\n"), {NULL, 0}, true, H2_REFUSED_REQUEST},
    {"upper case", GRPC_REQUEST("Bad: x\n"), {NULL, 0}, true, H2_REFUSED_FRAME},
    {"compressed", GRPC_REQUEST("grpc-encoding: gzip\n"), BODY("\1\0\0\0\2hi"), false,
     H2_REFUSED_COMPRESSED},
    {"4 GiB", GRPC_REQUEST(""), BODY("\0\xff\xff\xff\xff"), false, H2_REFUSED_MESSAGE},
    {"a byte too long", GRPC_REQUEST(""), BODY("\0\0\0\x10\1"), false, H2_REFUSED_MESSAGE},
    {"cut off", GRPC_REQUEST(""), BODY("\0\0\0\0\2h"), true, H2_REFUSED_CUT},
};

static void each_refusal_is_counted_as_what_it_is(void **unused)
{
    static const struct h2_limits limits = {.message_max = 4096};
    (void)unused;
    for (size_t i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
        const struct offence *o = &offences[i];
        const uint8_t end = o->ends ? RAW_END_STREAM : 0;
        struct secret_buf in = {0};
        struct h2_side server;
        h2_side_init(&server, H2_SERVER, &limits);
        h2_raw_hello(&in, H2_CLIENT);
        h2_raw_headers(&in, 1, o->body.len > 0 ? 0 : end, o->headers);
        if (o->body.len > 0) {
            h2_raw_frame(&in, RAW_DATA, end, 1, o->body.at, o->body.len);
        }
        assert_int_equal(feed(&server, &in), ERR_OK);
        drain_all(&server);
        if (server.refusals[o->want] != 1 || all_refusals(&server) != 1) {
            fail_msg("%s: counted %zu as it should be, %zu in all", o->name,
                     server.refusals[o->want], all_refusals(&server));
        }
        secret_buf_fini(&in);
        h2_side_fini(&server);
    }
}

/* The daemon counts calls by it. */
static void a_call_that_the_session_ends_is_reported_with_its_status(void **unused)
{
    struct secret_buf in = {0};
    struct h2_side server;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_headers(&in, 1, 0, h2_raw_request);
    h2_raw_frame(&in, RAW_DATA, 0, 1, "\1\0\0\0\2hi", 7);
    assert_int_equal(feed(&server, &in), ERR_OK);
    drain_all(&server);
    assert_int_equal(server.closed, 1);
    assert_int_equal(server.status, GRPC_UNIMPLEMENTED);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

/* ---- attacks ---- */

/* Before the client has acknowledged our SETTINGS, each is refused by itself. */
static void streams_beyond_the_limit_are_refused_and_counted(void **unused)
{
    static const struct h2_limits limits = {.streams_max = 3};
    struct secret_buf in = {0};
    struct h2_side server;
    (void)unused;
    h2_side_init(&server, H2_SERVER, &limits);
    h2_raw_hello(&in, H2_CLIENT);
    for (uint32_t stream = 1; stream < 200; stream += 2) {
        h2_raw_headers(&in, stream, 0, h2_raw_request);
    }
    assert_int_equal(feed(&server, &in), ERR_OK);
    drain_all(&server);
    assert_int_equal(server.refusals[H2_REFUSED_STREAM], 97);
    assert_int_equal(h2_session_stream_count(server.session), 3);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

/* A peer that does not read must not have us queue what it makes us say. */
static void answers_that_nobody_takes_end_the_connection(void **unused)
{
    static const struct h2_limits limits = {.streams_max = 1};
    struct secret_buf in = {0};
    struct h2_side server;
    uint32_t stream = 1;
    enum err rc = ERR_OK;
    (void)unused;
    h2_side_init(&server, H2_SERVER, &limits);
    h2_raw_hello(&in, H2_CLIENT);
    for (; rc == ERR_OK && stream < 200000; stream += 2) {
        h2_raw_headers(&in, stream, 0, h2_raw_request);
        if (in.len > 16000) {
            rc = feed(&server, &in);
        }
    }
    assert_int_equal(rc, ERR_PROTOCOL);
    assert_int_equal(server.refusals[H2_REFUSED_FLOOD], 1);
    print_message("cut off after %u refused streams whose resets were not read\n", stream / 2);
    assert_in_range(stream / 2, 2000, 8000);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

#ifdef STEK_TEST_RESET_LIMIT
/* nghttp2 by itself reads on while a stream is open. */
static void rapid_resets_end_the_connection_with_a_stream_open_too(void **unused)
{
    static const uint8_t cancel[] = {0, 0, 0, 8};
    struct secret_buf in = {0};
    struct h2_side server;
    enum err rc = ERR_OK;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_headers(&in, 1, 0, h2_raw_request);
    for (uint32_t stream = 3; rc == ERR_OK && stream < 4001; stream += 2) {
        h2_raw_headers(&in, stream, 0, h2_raw_request);
        h2_raw_frame(&in, RAW_RST, 0, stream, cancel, sizeof(cancel));
        rc = feed(&server, &in);
        drain_all(&server);
    }
    assert_int_equal(rc, ERR_PROTOCOL);
    assert_int_equal(h2_session_stream_count(server.session), 1);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}
#endif

static void put_bytes(struct secret_buf *out, uint8_t byte, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(secret_buf_append(out, &byte, 1), ERR_OK);
    }
}

/* One field of 4000 bytes goes into HPACK's table; each byte that follows stands for it. 16000 of
 * them are 64 MB of fields. */
static void a_header_bomb_is_cut_short(void **unused)
{
    static const uint8_t literal_indexed[] = {0x40, 1, 'x', 0x7f, 0xa1, 0x1e};
    struct secret_buf block = {0};
    struct secret_buf in = {0};
    struct h2_side server;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    h2_raw_hello(&in, H2_CLIENT);
    assert_int_equal(secret_buf_append(&block, literal_indexed, sizeof(literal_indexed)), ERR_OK);
    put_bytes(&block, 'y', 4000);
    put_bytes(&block, 0x80 | 62, 12000);
    h2_raw_frame(&in, RAW_HEADERS, RAW_END_HEADERS, 1, block.at, block.len);
    h2_raw_headers(&in, 3, RAW_END_STREAM, h2_raw_request);
    assert_int_equal(feed(&server, &in), ERR_OK);
    drain_all(&server);
    assert_int_equal(server.refusals[H2_REFUSED_FIELDS], 1);
    assert_int_equal(all_refusals(&server), 1);
    /* The table is still right: the next request is understood. */
    h2_side_assert_log(&server, "request:/a/B half");
    secret_buf_fini(&block);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

/* ---- generated conversations ---- */

static void conversation(struct secret_buf *in)
{
    h2_raw_hello(in, H2_CLIENT);
    h2_raw_headers(in, 1, 0, h2_raw_request);
    h2_raw_frame(in, RAW_DATA, 0, 1, "\0\0\0\0\2hi", 7);
    h2_raw_frame(in, RAW_PING, 0, 0, "12345678", 8);
    h2_raw_frame(in, RAW_DATA, RAW_END_STREAM, 1, "\0\0\0\0\2ho", 7);
    h2_raw_headers(in, 3, RAW_END_STREAM, h2_raw_request);
    h2_raw_headers(in, 5, 0, h2_raw_request);
    h2_raw_frame(in, RAW_RST, 0, 5, "\0\0\0\x8", 4);
}

static void generated_conversations_end_in_order_or_in_a_refusal(void **unused)
{
    struct secret_buf valid = {0};
    struct mutate m;
    size_t taken = 0;
    size_t connections = 0;
    size_t streams = 0;
    (void)unused;
    mutate_seed(&m, MUTATE_SEED);
    conversation(&valid);
    for (size_t i = 0; i < CASES; i++) {
        uint8_t bytes[2048];
        struct secret_buf in = {0};
        struct h2_side server;
        h2_side_init(&server, H2_SERVER, NULL);
        server.on_message = h2_side_echo;
        server.on_half_closed = h2_side_finish_ok;
        const size_t len =
            mutate_bytes(&m, (struct slice){valid.at, valid.len}, bytes, sizeof(bytes));
        assert_int_equal(secret_buf_append(&in, bytes, len), ERR_OK);
        if (feed(&server, &in) != ERR_OK) {
            connections++;
        } else if (all_refusals(&server) > 0) {
            streams++;
        } else {
            taken++;
        }
        drain_all(&server);
        secret_buf_fini(&in);
        h2_side_fini(&server);
    }
    print_message("seed %llu: %d conversations: %zu in order, %zu with a stream refused, %zu "
                  "connections refused\n",
                  (unsigned long long)MUTATE_SEED, CASES, taken, streams, connections);
    assert_int_equal(taken + streams + connections, CASES);
    assert_true(taken > CASES / 100 && streams > CASES / 100 && connections > CASES / 4);
    secret_buf_fini(&valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_is_counted_as_what_it_is),
        cmocka_unit_test(a_call_that_the_session_ends_is_reported_with_its_status),
        cmocka_unit_test(streams_beyond_the_limit_are_refused_and_counted),
        cmocka_unit_test(answers_that_nobody_takes_end_the_connection),
#ifdef STEK_TEST_RESET_LIMIT
        cmocka_unit_test(rapid_resets_end_the_connection_with_a_stream_open_too),
#endif
        cmocka_unit_test(a_header_bomb_is_cut_short),
        cmocka_unit_test(generated_conversations_end_in_order_or_in_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
