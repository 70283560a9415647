/* SPDX-License-Identifier: Apache-2.0 */
/* Calls between two sessions of ours, as they should go and as they may end. */
#include "wire/h2_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "h2_pair.h"

static void a_unary_call_goes_there_and_back(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    pair.server.on_message = h2_side_echo;
    pair.server.on_half_closed = h2_side_finish_ok;
    const int32_t stream = h2_pair_call(&pair, "/stek.v1.KeyService/GetKeyring");
    h2_pair_send(&pair.client, stream, "ping");
    assert_int_equal(h2_session_half_close(pair.client.session, stream), ERR_OK);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server,
                       "request:/stek.v1.KeyService/GetKeyring message:ping half closed:OK");
    h2_side_assert_log(&pair.client, "message:ping closed:OK");
    assert_int_equal(h2_session_stream_count(pair.client.session), 0);
    assert_int_equal(h2_session_stream_count(pair.server.session), 0);
    assert_true(h2_session_is_alive(pair.client.session));
    assert_true(h2_session_is_alive(pair.server.session));
    h2_pair_fini(&pair);
}

static void a_call_works_however_the_bytes_are_cut(void **unused)
{
    (void)unused;
    for (size_t piece = 1; piece < 40; piece++) {
        struct h2_pair pair;
        h2_pair_init(&pair, NULL, NULL);
        pair.server.on_message = h2_side_echo;
        pair.server.on_half_closed = h2_side_finish_ok;
        const int32_t stream = h2_pair_call(&pair, "/a/B");
        h2_pair_send(&pair.client, stream, "one");
        h2_pair_send(&pair.client, stream, "");
        h2_pair_send(&pair.client, stream, "two");
        assert_int_equal(h2_session_half_close(pair.client.session, stream), ERR_OK);
        while (h2_pair_carry(&pair.client, &pair.server, piece, 0) +
                   h2_pair_carry(&pair.server, &pair.client, piece, 0) >
               0) {
        }
        h2_side_assert_log(&pair.server,
                           "request:/a/B message:one message: message:two half closed:OK");
        h2_side_assert_log(&pair.client, "message:one message: message:two closed:OK");
        h2_pair_fini(&pair);
    }
}

static void a_stream_carries_messages_both_ways_as_long_as_it_likes(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_send(&pair.client, stream, "open");
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server, "request:/a/Watch message:open");
    h2_side_assert_log(&pair.client, "");
    for (int i = 0; i < 100; i++) {
        h2_pair_send(&pair.server, stream, "ring");
        h2_pair_run(&pair);
        h2_side_assert_log(&pair.client, "message:ring");
        h2_pair_send(&pair.client, stream, "ack");
        h2_pair_run(&pair);
        h2_side_assert_log(&pair.server, "message:ack");
    }
    assert_int_equal(h2_session_half_close(pair.client.session, stream), ERR_OK);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server, "half");
    h2_pair_send(&pair.server, stream, "last");
    h2_side_finish_ok(&pair.server, stream);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server, "closed:OK");
    h2_side_assert_log(&pair.client, "message:last closed:OK");
    h2_pair_fini(&pair);
}

/* ---- status ---- */

static void deny(struct h2_side *side, int32_t stream, const struct h2_request *request)
{
    (void)request;
    assert_int_equal(
        h2_session_finish(side->session, stream, GRPC_PERMISSION_DENIED, "100% \xc3\xbcnwanted"),
        ERR_OK);
}

static void an_error_without_messages_arrives_with_its_sentence(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    pair.server.on_request = deny;
    const int32_t stream = h2_pair_call(&pair, "/a/B");
    h2_pair_send(&pair.client, stream, "ping");
    h2_pair_run(&pair);
    /* The client had not said all: the server stops it, which is not an error of its own. */
    h2_side_assert_log(&pair.server, "request:/a/B closed:PERMISSION_DENIED");
    h2_side_assert_log(&pair.client, "closed:PERMISSION_DENIED:100% \xc3\xbcnwanted");
    assert_int_equal(h2_session_stream_count(pair.client.session), 0);
    assert_int_equal(h2_session_stream_count(pair.server.session), 0);
    h2_pair_fini(&pair);
}

static void every_status_arrives_as_it_was_sent(void **unused)
{
    (void)unused;
    for (int after_message = 0; after_message < 2; after_message++) {
        for (unsigned int status = 0; status <= GRPC_UNAUTHENTICATED; status++) {
            struct h2_pair pair;
            h2_pair_init(&pair, NULL, NULL);
            const int32_t stream = h2_pair_call(&pair, "/a/B");
            h2_pair_run(&pair);
            if (after_message) {
                h2_pair_send(&pair.server, stream, "x");
            }
            assert_int_equal(
                h2_session_finish(pair.server.session, stream, (enum grpc_status)status, NULL),
                ERR_OK);
            h2_pair_run(&pair);
            assert_int_equal(pair.client.closed, 1);
            assert_int_equal(pair.client.status, status);
            assert_int_equal(pair.server.closed, 1);
            h2_pair_fini(&pair);
        }
    }
}

static void a_finished_stream_takes_nothing_more(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const struct slice none = {NULL, 0};
    const int32_t stream = h2_pair_call(&pair, "/a/B");
    h2_pair_run(&pair);
    struct h2_session *server = pair.server.session;
    h2_side_finish_ok(&pair.server, stream);
    assert_int_equal(h2_session_send(server, stream, none), ERR_NOT_FOUND);
    assert_int_equal(h2_session_finish(server, stream, GRPC_OK, NULL), ERR_NOT_FOUND);
    struct h2_session *client = pair.client.session;
    assert_int_equal(h2_session_half_close(client, stream), ERR_OK);
    assert_int_equal(h2_session_half_close(client, stream), ERR_NOT_FOUND);
    assert_int_equal(h2_session_send(client, stream, none), ERR_NOT_FOUND);
    h2_pair_run(&pair);
    assert_int_equal(h2_session_send(client, stream, none), ERR_NOT_FOUND);
    assert_int_equal(h2_session_cancel(client, stream), ERR_NOT_FOUND);
    assert_int_equal(h2_session_cancel(server, 77), ERR_NOT_FOUND);
    assert_int_equal(h2_session_queued(server, stream), 0);
    assert_null(h2_session_get_data(server, stream));
    h2_pair_fini(&pair);
}

static void messages_after_a_finish_are_not_reported(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/B");
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server, "request:/a/B");
    h2_side_finish_ok(&pair.server, stream);
    h2_pair_send(&pair.client, stream, "late");
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server, "closed:OK");
    h2_side_assert_log(&pair.client, "closed:OK");
    h2_pair_fini(&pair);
}

/* ---- breaking off ---- */

static void a_client_that_cancels_is_told_so_and_so_is_the_server(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    assert_int_equal(h2_session_cancel(pair.client.session, stream), ERR_OK);
    assert_int_equal(h2_session_cancel(pair.client.session, stream), ERR_OK);
    h2_side_assert_log(&pair.client, "");
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.client, "closed:CANCELLED:cancelled");
    h2_side_assert_log(&pair.server, "request:/a/Watch closed:CANCELLED");
    h2_pair_fini(&pair);
}

static void a_server_that_cancels_breaks_off_the_call(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    h2_pair_send(&pair.server, stream, "lost");
    assert_int_equal(h2_session_cancel(pair.server.session, stream), ERR_OK);
    h2_pair_run(&pair);
    assert_int_equal(pair.client.closed, 1);
    assert_int_equal(pair.client.status, GRPC_CANCELLED);
    assert_int_equal(pair.server.closed, 1);
    h2_pair_fini(&pair);
}

static void a_call_may_be_cancelled_before_it_was_sent(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/B");
    h2_pair_send(&pair.client, stream, "never");
    assert_int_equal(h2_session_cancel(pair.client.session, stream), ERR_OK);
    h2_pair_run(&pair);
    assert_int_equal(pair.client.closed, 1);
    assert_int_equal(pair.client.status, GRPC_CANCELLED);
    h2_side_assert_log(&pair.server, "");
    assert_int_equal(h2_session_stream_count(pair.client.session), 0);
    h2_pair_fini(&pair);
}

static void cancel_from_within(struct h2_side *side, int32_t stream, struct slice message)
{
    (void)message;
    assert_int_equal(h2_session_cancel(side->session, stream), ERR_OK);
}

static void a_stream_cancelled_from_a_callback_hears_nothing_more(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    pair.client.on_message = cancel_from_within;
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    h2_pair_send(&pair.server, stream, "one");
    h2_pair_send(&pair.server, stream, "two");
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.client, "message:one closed:CANCELLED:cancelled");
    h2_side_assert_log(&pair.server, "request:/a/Watch closed:CANCELLED");
    h2_pair_fini(&pair);
}

static void call_again(struct h2_side *side, int32_t stream)
{
    int32_t next = 0;
    (void)stream;
    if (side->closed < 3) {
        assert_int_equal(h2_session_call(side->session, "/a/Again", "h", 0, &next), ERR_OK);
        assert_int_equal(h2_session_half_close(side->session, next), ERR_OK);
    }
}

static void the_next_call_may_begin_in_the_end_of_the_last(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    pair.client.on_closed = call_again;
    pair.server.on_half_closed = h2_side_finish_ok;
    const int32_t stream = h2_pair_call(&pair, "/a/B");
    assert_int_equal(h2_session_half_close(pair.client.session, stream), ERR_OK);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.client, "closed:OK closed:OK closed:OK");
    h2_pair_fini(&pair);
}

static void freeing_a_session_with_open_streams_says_nothing(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    h2_pair_send(&pair.server, stream, "queued");
    (void)h2_pair_call(&pair, "/a/Unsent");
    pair.client.log[0] = pair.server.log[0] = '\0';
    h2_pair_fini(&pair);
    h2_side_assert_log(&pair.client, "");
    h2_side_assert_log(&pair.server, "");
}

/* ---- what the request says ---- */

static void a_deadline_travels_and_user_data_stays(void **unused)
{
    struct h2_pair pair;
    int32_t stream = 0;
    int mine = 0;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    struct h2_session *client = pair.client.session;
    assert_int_equal(h2_session_call(client, "/a/B", "h", 2950, &stream), ERR_OK);
    assert_null(h2_session_get_data(client, stream));
    h2_session_set_data(client, stream, &mine);
    h2_pair_run(&pair);
    assert_int_equal(pair.server.timeout_ms, 2950);
    assert_ptr_equal(h2_session_get_data(client, stream), &mine);
    assert_int_equal(h2_session_call(client, "/a/B", "h", 0, &stream), ERR_OK);
    h2_pair_run(&pair);
    assert_int_equal(pair.server.timeout_ms, 0);
    h2_pair_fini(&pair);
}

/* ---- goodbye ---- */

static void after_goodbye_old_calls_finish_and_new_ones_are_refused(void **unused)
{
    struct h2_pair pair;
    int32_t refused = 0;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    const int32_t stream = h2_pair_call(&pair, "/a/Watch");
    h2_pair_run(&pair);
    assert_int_equal(h2_session_shutdown(pair.server.session, "stopping"), ERR_OK);
    assert_int_equal(h2_session_shutdown(pair.server.session, "stopping"), ERR_OK);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.client, "goaway");
    assert_int_equal(h2_session_call(pair.client.session, "/a/B", "h", 0, &refused),
                     ERR_UNAVAILABLE);
    assert_true(h2_session_is_alive(pair.server.session));
    assert_true(h2_session_is_alive(pair.client.session));
    h2_pair_send(&pair.server, stream, "last");
    assert_int_equal(
        h2_session_finish(pair.server.session, stream, GRPC_UNAVAILABLE, "the daemon is stopping"),
        ERR_OK);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.client, "message:last closed:UNAVAILABLE:the daemon is stopping");
    assert_false(h2_session_is_alive(pair.server.session));
    assert_false(h2_session_is_alive(pair.client.session));
    h2_pair_fini(&pair);
}

static void a_call_that_crosses_a_goodbye_ends_unavailable(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    h2_pair_run(&pair);
    assert_int_equal(h2_session_shutdown(pair.server.session, "stopping"), ERR_OK);
    const int32_t sent = h2_pair_call(&pair, "/a/Crossing");
    h2_pair_send(&pair.client, sent, "x");
    (void)h2_pair_carry(&pair.client, &pair.server, 0, 0);
    (void)h2_pair_call(&pair, "/a/Unsent");
    (void)h2_pair_carry(&pair.server, &pair.client, 0, 0);
    h2_pair_run(&pair);
    h2_side_assert_log(&pair.server, "");
    h2_side_assert_log(&pair.client, "goaway closed:UNAVAILABLE:the server took no more calls "
                                     "closed:UNAVAILABLE:the server took no more calls");
    assert_int_equal(h2_session_stream_count(pair.client.session), 0);
    h2_pair_fini(&pair);
}

static void an_idle_session_that_says_goodbye_is_over(void **unused)
{
    struct h2_pair pair;
    (void)unused;
    h2_pair_init(&pair, NULL, NULL);
    h2_pair_run(&pair);
    assert_int_equal(h2_session_shutdown(pair.client.session, "done"), ERR_OK);
    h2_pair_run(&pair);
    assert_false(h2_session_is_alive(pair.client.session));
    assert_false(h2_session_is_alive(pair.server.session));
    h2_pair_fini(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_goes_there_and_back),
        cmocka_unit_test(a_call_works_however_the_bytes_are_cut),
        cmocka_unit_test(a_stream_carries_messages_both_ways_as_long_as_it_likes),
        cmocka_unit_test(an_error_without_messages_arrives_with_its_sentence),
        cmocka_unit_test(every_status_arrives_as_it_was_sent),
        cmocka_unit_test(a_finished_stream_takes_nothing_more),
        cmocka_unit_test(messages_after_a_finish_are_not_reported),
        cmocka_unit_test(a_client_that_cancels_is_told_so_and_so_is_the_server),
        cmocka_unit_test(a_server_that_cancels_breaks_off_the_call),
        cmocka_unit_test(a_call_may_be_cancelled_before_it_was_sent),
        cmocka_unit_test(a_stream_cancelled_from_a_callback_hears_nothing_more),
        cmocka_unit_test(the_next_call_may_begin_in_the_end_of_the_last),
        cmocka_unit_test(freeing_a_session_with_open_streams_says_nothing),
        cmocka_unit_test(a_deadline_travels_and_user_data_stays),
        cmocka_unit_test(after_goodbye_old_calls_finish_and_new_ones_are_refused),
        cmocka_unit_test(a_call_that_crosses_a_goodbye_ends_unavailable),
        cmocka_unit_test(an_idle_session_that_says_goodbye_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
