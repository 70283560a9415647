/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer can make us hold, and what it cannot break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "h2_pair.h"
#include "h2_raw.h"

static uint8_t filler[300000]; /* zeros */

static struct slice of_len(size_t len)
{
    assert_true(len <= sizeof(filler));
    return (struct slice){filler, len};
}

static void a_stream_queues_up_to_its_limit(void **unused)
{
    static const struct h2_limits limits = {.queue_max = 1000};
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, &limits);
    struct h2_session *server = pair.server.session;
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    assert_int_equal(h2_session_send(server, stream, of_len(996)), ERR_LIMIT);
    assert_int_equal(h2_session_queued(server, stream), 0);
    assert_int_equal(h2_session_send(server, stream, of_len(500)), ERR_OK);
    assert_int_equal(h2_session_queued(server, stream), 505);
    assert_int_equal(h2_session_send(server, stream, of_len(491)), ERR_LIMIT);
    assert_int_equal(h2_session_queued(server, stream), 505);
    assert_int_equal(h2_session_send(server, stream, of_len(490)), ERR_OK);
    assert_int_equal(h2_session_queued(server, stream), 1000);
    h2_pair_run(&pair);
    assert_int_equal(h2_session_queued(server, stream), 0);
    assert_int_equal(pair.client.message_bytes, 990);
    assert_int_equal(h2_session_send(server, stream, of_len(995)), ERR_OK);
    h2_pair_fini(&pair);
}

static void a_reader_that_does_not_read_leaves_the_queue_full(void **unused)
{
    struct h2_pair pair;
    struct slice bytes;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    struct h2_session *server = pair.server.session;
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    /* Three messages: the window is one of the largest. Drained and lost, nothing comes back. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(h2_session_send(server, stream, of_len(200000)), ERR_OK);
    }
    size_t sent = 0;
    do {
        assert_int_equal(h2_session_drain(server, &bytes, NULL), ERR_OK);
        sent += bytes.len;
    } while (bytes.len > 0);
    assert_in_range(sent, 200000, 300000);
    assert_in_range(h2_session_queued(server, stream), 300000, 400015);
    h2_pair_fini(&pair);
}

static void a_slow_reader_gets_all_in_the_end(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    struct h2_session *server = pair.server.session;
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(h2_session_send(server, stream, of_len(200000)), ERR_OK);
    }
    h2_side_finish_ok(&pair.server, stream);
    assert_int_equal(pair.client.closed, 0);
    for (int turns = 0; pair.client.closed == 0; turns++) {
        assert_in_range(turns, 0, 100);
        (void)h2_pair_carry(&pair.server, &pair.client, 1000, 20000);
        (void)h2_pair_carry(&pair.client, &pair.server, 1, 0);
    }
    assert_int_equal(pair.client.messages, 4);
    assert_int_equal(pair.client.message_bytes, 800000);
    assert_int_equal(pair.client.status, GRPC_OK);
    h2_pair_fini(&pair);
}

static void one_drain_gives_no_more_than_its_limit_and_a_frame(void **unused)
{
    static const struct h2_limits limits = {.output_max = 1000};
    struct h2_pair pair;
    struct slice bytes;
    (void)unused;
    h2_pair_init(&pair, NULL, &limits);
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    assert_int_equal(h2_session_send(pair.server.session, stream, of_len(200000)), ERR_OK);
    do {
        assert_int_equal(h2_session_drain(pair.server.session, &bytes, NULL), ERR_OK);
        assert_in_range(bytes.len, 0, 1000 + 9 + 16384 + 100);
        struct errbuf why;
        assert_int_equal(h2_session_feed(pair.client.session, bytes, &why), ERR_OK);
    } while (bytes.len > 0);
    assert_int_equal(pair.client.message_bytes, 200000);
    h2_pair_fini(&pair);
}

static void a_message_is_taken_at_the_limit_and_refused_above_it(void **unused)
{
    static const struct h2_limits limits = {.message_max = 100000};
    (void)unused;
    for (size_t over = 0; over < 2; over++) {
        struct h2_pair pair;
        h2_pair_init(&pair, NULL, &limits);
        const int32_t stream = h2_pair_call(&pair, "/a/B");
        assert_int_equal(h2_session_send(pair.client.session, stream, of_len(100000 + over)),
                         ERR_OK);
        h2_pair_run(&pair);
        assert_int_equal(pair.server.messages, over ? 0 : 1);
        assert_int_equal(pair.client.closed, over);
        if (over) {
            assert_int_equal(pair.client.status, GRPC_RESOURCE_EXHAUSTED);
        }
        h2_pair_fini(&pair);
    }
}

/* Many streams, each with a message that never ends. */
static void unfinished_messages_are_limited_over_all_streams(void **unused)
{
    static const struct h2_limits limits = {.message_max = 10000, .partial_max = 25000};
    struct secret_buf in = {0};
    struct h2_side server;
    struct errbuf why;
    (void)unused;
    h2_side_init(&server, H2_SERVER, &limits);
    h2_raw_hello(&in, H2_CLIENT);
    for (uint32_t stream = 1; stream < 20; stream += 2) {
        static const uint8_t prefix[] = {0, 0, 0, 0x27, 0x10};
        h2_raw_headers(&in, stream, 0, h2_raw_request);
        h2_raw_frame(&in, RAW_DATA, 0, stream, prefix, sizeof(prefix));
        h2_raw_frame(&in, RAW_DATA, 0, stream, filler, 5000);
    }
    assert_int_equal(h2_session_feed(server.session, (struct slice){in.at, in.len}, &why), ERR_OK);
    struct slice bytes;
    do {
        assert_int_equal(h2_session_drain(server.session, &bytes, NULL), ERR_OK);
    } while (bytes.len > 0);
    /* 5005 bytes take a block of 8192, of which three fit; the others were refused and let go. */
    assert_int_equal(h2_session_stream_count(server.session), 3);
    assert_int_equal(server.closed, 7);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

/* A byte keeps a whole block of locked memory, and it is blocks that run out. */
static void an_unfinished_message_counts_as_the_memory_it_keeps(void **unused)
{
    static const struct h2_limits limits = {.message_max = 4096, .partial_max = 16384};
    struct secret_buf in = {0};
    struct h2_side server;
    struct errbuf why;
    struct slice bytes;
    (void)unused;
    h2_side_init(&server, H2_SERVER, &limits);
    h2_raw_hello(&in, H2_CLIENT);
    for (uint32_t stream = 1; stream < 20; stream += 2) {
        h2_raw_headers(&in, stream, 0, h2_raw_request);
        h2_raw_frame(&in, RAW_DATA, 0, stream, filler, 1);
    }
    assert_int_equal(h2_session_feed(server.session, (struct slice){in.at, in.len}, &why), ERR_OK);
    do {
        assert_int_equal(h2_session_drain(server.session, &bytes, NULL), ERR_OK);
    } while (bytes.len > 0);
    assert_int_equal(h2_session_stream_count(server.session), 4);
    assert_int_equal(server.closed, 6);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

static void a_client_opens_no_more_streams_than_it_may(void **unused)
{
    static const struct h2_limits limits = {.streams_max = 3};
    struct h2_pair pair;
    int32_t first = 0;
    (void)unused;
    h2_pair_init(&pair, NULL, &limits);
    h2_pair_run(&pair);
    for (int i = 0; i < 5; i++) {
        const int32_t stream = h2_pair_call(&pair, "/a/Watch");
        first = i == 0 ? stream : first;
    }
    h2_pair_run(&pair);
    assert_int_equal(h2_session_stream_count(pair.server.session), 3);
    assert_int_equal(h2_session_stream_count(pair.client.session), 5);
    h2_side_finish_ok(&pair.server, first);
    h2_pair_run(&pair);
    /* The fourth waited and goes out now. */
    assert_int_equal(h2_session_stream_count(pair.server.session), 3);
    assert_int_equal(h2_session_stream_count(pair.client.session), 4);
    assert_int_equal(pair.client.closed, 1);
    h2_pair_fini(&pair);
}

/* ---- hostile bytes ---- */

static void http_1_is_refused_with_a_sentence(void **unused)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct h2_side server;
    struct errbuf why = {""};
    struct slice bytes;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    const struct slice in = {(const uint8_t *)request, sizeof(request) - 1};
    assert_int_equal(h2_session_feed(server.session, in, &why), ERR_PROTOCOL);
    assert_string_equal(why.text, "the peer does not speak HTTP/2");
    assert_false(h2_session_is_alive(server.session));
    assert_int_equal(h2_session_feed(server.session, in, &why), ERR_PROTOCOL);
    assert_int_equal(h2_session_drain(server.session, &bytes, &why), ERR_OK);
    assert_int_equal(bytes.len, 0);
    h2_side_fini(&server);
}

static uint8_t next_byte(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint8_t)(*state >> 32);
}

/* Feeds and drains whatever happens; true when the session took it. */
static bool survives(struct h2_side *side, struct slice bytes)
{
    struct errbuf why = {""};
    struct slice out;
    const enum err rc = h2_session_feed(side->session, bytes, &why);
    assert_true(rc == ERR_OK || rc == ERR_PROTOCOL);
    assert_true(rc == ERR_OK || why.text[0] != '\0');
    do {
        assert_int_equal(h2_session_drain(side->session, &out, &why), ERR_OK);
    } while (out.len > 0);
    return rc == ERR_OK;
}

static void garbage_breaks_nothing_but_the_connection(void **unused)
{
    size_t refused = 0;
    (void)unused;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
        struct secret_buf in = {0};
        struct h2_side side;
        const bool is_server = seed % 2 == 0;
        h2_side_init(&side, is_server ? H2_SERVER : H2_CLIENT, NULL);
        if (seed % 4 < 2) {
            h2_raw_hello(&in, is_server ? H2_CLIENT : H2_SERVER);
        }
        if (seed % 8 < 2 && is_server) {
            h2_raw_headers(&in, 1, 0, h2_raw_request);
        }
        for (size_t i = 0; i < 400; i++) {
            const uint8_t byte = next_byte(&state);
            assert_int_equal(secret_buf_append(&in, &byte, 1), ERR_OK);
        }
        refused += !survives(&side, (struct slice){in.at, in.len});
        secret_buf_fini(&in);
        h2_side_fini(&side);
    }
    /* Some garbage announces a long frame and is waited for. */
    print_message("garbage: %zu of 1000 refused\n", refused);
    assert_in_range(refused, 900, 1000);
}

static void count_log(const struct h2_side *side)
{
    assert_true(strlen(side->log) < sizeof(side->log));
}

static void every_flipped_bit_of_a_conversation_is_survived(void **unused)
{
    struct secret_buf in = {0};
    size_t taken = 0;
    size_t refused = 0;
    (void)unused;
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_headers(&in, 1, 0, h2_raw_request);
    h2_raw_frame(&in, RAW_DATA, 0, 1, "\0\0\0\0\2hi", 7);
    h2_raw_frame(&in, RAW_DATA, RAW_END_STREAM, 1, "\0\0\0\0\2ho", 7);
    h2_raw_headers(&in, 3, RAW_END_STREAM, h2_raw_request);
    h2_raw_frame(&in, RAW_PING, 0, 0, "12345678", 8);
    for (size_t at = 0; at < in.len; at++) {
        for (unsigned int bit = 0; bit < 8; bit++) {
            struct h2_side server;
            h2_side_init(&server, H2_SERVER, NULL);
            server.on_message = h2_side_echo;
            server.on_half_closed = h2_side_finish_ok;
            in.at[at] ^= (uint8_t)(1U << bit);
            if (survives(&server, (struct slice){in.at, in.len})) {
                taken++;
            } else {
                refused++;
            }
            in.at[at] ^= (uint8_t)(1U << bit);
            count_log(&server);
            h2_side_fini(&server);
        }
    }
    assert_true(taken > 0 && refused > 0);
    secret_buf_fini(&in);
}

#ifdef STEK_TEST_RESET_LIMIT
/* CVE-2023-44487: open and reset, as fast as it goes. */
static void rapid_resets_end_the_connection(void **unused)
{
    static const uint8_t cancel[] = {0, 0, 0, 8};
    struct secret_buf in = {0};
    struct h2_side server;
    bool alive = true;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    h2_raw_hello(&in, H2_CLIENT);
    for (uint32_t stream = 1; alive && stream < 4001; stream += 2) {
        h2_raw_headers(&in, stream, 0, h2_raw_request);
        h2_raw_frame(&in, RAW_RST, 0, stream, cancel, sizeof(cancel));
        alive = survives(&server, (struct slice){in.at, in.len});
        secret_buf_consume(&in, in.len);
    }
    assert_false(alive);
    assert_int_equal(h2_session_stream_count(server.session), 0);
    secret_buf_fini(&in);
    h2_side_fini(&server);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_queues_up_to_its_limit),
        cmocka_unit_test(a_reader_that_does_not_read_leaves_the_queue_full),
        cmocka_unit_test(a_slow_reader_gets_all_in_the_end),
        cmocka_unit_test(one_drain_gives_no_more_than_its_limit_and_a_frame),
        cmocka_unit_test(a_message_is_taken_at_the_limit_and_refused_above_it),
        cmocka_unit_test(unfinished_messages_are_limited_over_all_streams),
        cmocka_unit_test(an_unfinished_message_counts_as_the_memory_it_keeps),
        cmocka_unit_test(a_client_opens_no_more_streams_than_it_may),
        cmocka_unit_test(http_1_is_refused_with_a_sentence),
        cmocka_unit_test(garbage_breaks_nothing_but_the_connection),
        cmocka_unit_test(every_flipped_bit_of_a_conversation_is_survived),
#ifdef STEK_TEST_RESET_LIMIT
        cmocka_unit_test(rapid_resets_end_the_connection),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
