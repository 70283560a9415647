/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that are not ours: what a server answers to bytes made by hand, and what a client makes
 * of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "h2_pair.h"
#include "h2_raw.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void drain(struct h2_side *side, struct secret_buf *all)
{
    struct slice bytes;
    do {
        assert_int_equal(h2_session_drain(side->session, &bytes, NULL), ERR_OK);
        assert_int_equal(secret_buf_append(all, bytes.at, bytes.len), ERR_OK);
    } while (bytes.len > 0);
}

static enum err feed(struct h2_side *side, struct secret_buf *buf)
{
    struct errbuf why = {""};
    const enum err rc = h2_session_feed(side->session, (struct slice){buf->at, buf->len}, &why);
    assert_true(rc == ERR_OK || why.text[0] != '\0');
    secret_buf_consume(buf, buf->len);
    return rc;
}

/* ---- server ---- */

/* Feeds a server what `in` holds and compares what it says. */
static void assert_answer(struct h2_side *server, struct secret_buf *in, const char *want)
{
    struct secret_buf out = {0};
    char text[2048];
    assert_int_equal(feed(server, in), ERR_OK);
    drain(server, &out);
    h2_raw_describe((struct slice){out.at, out.len}, text, sizeof(text));
    assert_string_equal(text, want);
    secret_buf_fini(&out);
}

static void what_is_not_a_grpc_request_gets_a_plain_http_status(void **unused)
{
    static const struct {
        const char *lines;
        const char *want;
    } rows[] = {
        {":method: GET\n:scheme: http\n:path: /\n:authority: h\n", "HEADERS(1) :status: 405; END"},
        {":method: POST\n:scheme: http\n:path: /\n:authority: h\n", "HEADERS(1) :status: 415; END"},
        {":method: POST\n:scheme: http\n:path: /\n:authority: h\ncontent-type: text/html\n",
         "HEADERS(1) :status: 415; END"},
        {":method: POST\n:scheme: http\n:path: /\n:authority: h\n"
         "content-type: application/grpc-web\n",
         "HEADERS(1) :status: 415; END"},
        {":method: POST\n:scheme: http\n:path: /\n:authority: h\n"
         "content-type: application/grpc+json\n",
         "HEADERS(1) :status: 415; END"},
        {":method: POST\n:scheme: http\n:authority: h\ncontent-type: application/grpc\n",
         "RST(1) 1"},
        {":method: POST\n:scheme: http\n:path: /\n:path: /\ncontent-type: application/grpc\n",
         "RST(1) 1"},
        {":method: POST\n:scheme: http\n:path: /\nContent-Type: application/grpc\n", "RST(1) 1"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret_buf in = {0};
        struct h2_side server;
        h2_side_init(&server, H2_SERVER, NULL);
        h2_raw_hello(&in, H2_CLIENT);
        h2_raw_headers(&in, 1, RAW_END_STREAM, rows[i].lines);
        assert_answer(&server, &in, rows[i].want);
        h2_side_assert_log(&server, "");
        assert_int_equal(h2_session_stream_count(server.session), 0);
        secret_buf_fini(&in);
        h2_side_fini(&server);
    }
}

static void both_names_of_the_content_type_will_do(void **unused)
{
    static const char *const types[] = {"application/grpc", "application/grpc+proto",
                                        "application/grpc;v=1"};
    (void)unused;
    for (size_t i = 0; i < COUNT(types); i++) {
        struct secret_buf in = {0};
        struct h2_side server;
        char lines[256];
        h2_side_init(&server, H2_SERVER, NULL);
        h2_raw_hello(&in, H2_CLIENT);
        (void)snprintf(
            lines, sizeof(lines),
            ":method: POST\n:scheme: http\n:path: /a/B\n:authority: h\ncontent-type: %s\n",
            types[i]);
        h2_raw_headers(&in, 1, RAW_END_STREAM, lines);
        assert_answer(&server, &in, "");
        h2_side_assert_log(&server, "request:/a/B half");
        secret_buf_fini(&in);
        h2_side_fini(&server);
    }
}

static void a_client_that_goes_on_after_a_refusal_is_stopped(void **unused)
{
    struct secret_buf in = {0};
    struct h2_side server;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_headers(&in, 1, 0, ":method: GET\n:scheme: http\n:path: /\n:authority: h\n");
    h2_raw_frame(&in, RAW_DATA, 0, 1, "\0\0\0\0\0", 5);
    assert_answer(&server, &in, "HEADERS(1) :status: 405; END | RST(1) 0");
    h2_side_assert_log(&server, "");
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

static void broken_requests_are_answered_in_grpc(void **unused)
{
#define TRAILERS_ONLY "HEADERS(1) :status: 200; content-type: application/grpc; "
    static const struct {
        const char *extra_line;
        const char *body;
        size_t body_len;
        uint8_t flags;
        const char *want;
    } rows[] = {
        {"grpc-timeout: 3x\n", "", 0, RAW_END_STREAM,
         TRAILERS_ONLY "grpc-status: 3; grpc-message: malformed grpc-timeout; END | RST(1) 0"},
        {"", "\1\0\0\0\1x", 6, 0,
         TRAILERS_ONLY "grpc-status: 12; grpc-message: compressed messages are not supported; "
                       "grpc-accept-encoding: identity; END | RST(1) 0"},
        {"", "\0\0\0\0\11toolong!!", 14, 0,
         TRAILERS_ONLY "grpc-status: 8; grpc-message: the message is too large; END | RST(1) 0"},
        {"", "\0\0\0\0\5cut", 8, RAW_END_STREAM,
         TRAILERS_ONLY "grpc-status: 3; grpc-message: the request was cut off within a message; "
                       "END"},
    };
    static const struct h2_limits limits = {.message_max = 8, .partial_max = 4096};
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret_buf in = {0};
        struct h2_side server;
        char lines[256];
        h2_side_init(&server, H2_SERVER, &limits);
        h2_raw_hello(&in, H2_CLIENT);
        (void)snprintf(lines, sizeof(lines), "%s%s", h2_raw_request, rows[i].extra_line);
        h2_raw_headers(&in, 1, 0, lines);
        h2_raw_frame(&in, RAW_DATA, rows[i].flags, 1, rows[i].body, rows[i].body_len);
        /* The first row ends before its DATA counts. */
        struct secret_buf out = {0};
        char text[2048];
        assert_int_equal(feed(&server, &in), ERR_OK);
        drain(&server, &out);
        h2_raw_describe((struct slice){out.at, out.len}, text, sizeof(text));
        assert_memory_equal(text, rows[i].want, strlen(rows[i].want) - (i == 0 ? 11 : 0));
        assert_int_equal(h2_session_stream_count(server.session), 0);
        secret_buf_fini(&in);
        secret_buf_fini(&out);
        h2_side_fini(&server);
    }
}

static void a_header_block_over_the_limit_gets_431(void **unused)
{
    (void)unused;
    for (size_t over = 0; over < 2; over++) {
        static const struct h2_limits limits = {.header_list_max = 1000};
        struct secret_buf in = {0};
        struct h2_side server;
        char lines[2000];
        h2_side_init(&server, H2_SERVER, &limits);
        h2_raw_hello(&in, H2_CLIENT);
        /* The usual six fields take 298 bytes as RFC 9113 section 6.5.2 counts. */
        size_t used = 0;
        size_t count = 0;
        for (const char *at = h2_raw_request; *at != '\0'; at++) {
            used += *at != '\n' && !(at[0] == ':' && at[1] == ' ') && !(at[0] == ' ');
            count += *at == '\n';
        }
        used += 32 * count;
        const size_t filler = 1000 - used - 32 - 1 + over;
        (void)snprintf(lines, sizeof(lines), "%sx: %0*d\n", h2_raw_request, (int)filler, 0);
        h2_raw_headers(&in, 1, RAW_END_STREAM, lines);
        assert_answer(&server, &in, over ? "HEADERS(1) :status: 431; END" : "");
        h2_side_assert_log(&server, over ? "" : "request:/a/B half");
        secret_buf_fini(&in);
        h2_side_fini(&server);
    }
}

static void trailers_of_a_request_end_it(void **unused)
{
    struct secret_buf in = {0};
    struct h2_side server;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_headers(&in, 1, 0, h2_raw_request);
    h2_raw_frame(&in, RAW_DATA, 0, 1, "\0\0\0\0\2hi", 7);
    h2_raw_headers(&in, 1, RAW_END_STREAM, "x: y\n");
    assert_answer(&server, &in, "");
    h2_side_assert_log(&server, "request:/a/B message:hi half");
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

static void an_answer_is_headers_data_and_trailers(void **unused)
{
    struct secret_buf in = {0};
    struct h2_side server;
    (void)unused;
    h2_side_init(&server, H2_SERVER, NULL);
    server.on_message = h2_side_echo;
    server.on_half_closed = h2_side_finish_ok;
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_headers(&in, 1, 0, h2_raw_request);
    h2_raw_frame(&in, RAW_DATA, RAW_END_STREAM, 1, "\0\0\0\0\2hi", 7);
    assert_answer(&server, &in,
                  "HEADERS(1) :status: 200; content-type: application/grpc; | DATA(1) 7 | "
                  "HEADERS(1) grpc-status: 0; END");
    secret_buf_fini(&in);
    h2_side_fini(&server);
}

/* ---- client ---- */

static void a_request_carries_what_servers_look_for(void **unused)
{
    struct secret_buf out = {0};
    struct h2_side client;
    char text[2048];
    int32_t stream = 0;
    (void)unused;
    h2_side_init(&client, H2_CLIENT, NULL);
    assert_int_equal(h2_session_call(client.session, "/a/B", "localhost", 3000, &stream), ERR_OK);
    assert_int_equal(h2_session_half_close(client.session, stream), ERR_OK);
    drain(&client, &out);
    assert_memory_equal(out.at, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    h2_raw_describe((struct slice){out.at + 24, out.len - 24}, text, sizeof(text));
    assert_non_null(strstr(text, "HEADERS(1) :method: POST; :scheme: http; :path: /a/B; "
                                 ":authority: localhost; te: trailers; "
                                 "content-type: application/grpc; user-agent: stek-c/"));
    assert_non_null(strstr(text, "grpc-timeout: 3S;"));
    assert_non_null(strstr(text, "DATA(1) 0 END"));
    secret_buf_fini(&out);
    h2_side_fini(&client);
}

/* Opens a call, feeds the client `answer` and says what it told its user. */
static void assert_outcome(struct secret_buf *answer, const char *want)
{
    struct secret_buf out = {0};
    struct h2_side client;
    int32_t stream = 0;
    h2_side_init(&client, H2_CLIENT, NULL);
    assert_int_equal(h2_session_call(client.session, "/a/B", "h", 0, &stream), ERR_OK);
    drain(&client, &out);
    assert_int_equal(feed(&client, answer), ERR_OK);
    drain(&client, &out);
    h2_side_assert_log(&client, want);
    secret_buf_fini(&out);
    h2_side_fini(&client);
}

static void an_answer_in_headers_alone_is_understood(void **unused)
{
#define BARE "the server refused with a bare HTTP status"
    static const struct {
        const char *lines;
        const char *want;
    } rows[] = {
        {":status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n", "closed:OK"},
        {":status: 200\ncontent-type: application/grpc\ngrpc-status: 5\ngrpc-message: no%20realm\n",
         "closed:NOT_FOUND:no realm"},
        {":status: 200\ncontent-type: application/grpc\ngrpc-status: 16\n",
         "closed:UNAUTHENTICATED"},
        {":status: 200\ncontent-type: application/grpc\ngrpc-status: 17\n", "closed:UNKNOWN"},
        {":status: 200\ncontent-type: application/grpc\ngrpc-status: -1\n", "closed:UNKNOWN"},
        {":status: 200\ncontent-type: application/grpc\ngrpc-status: zero\n", "closed:UNKNOWN"},
        {":status: 200\ncontent-type: application/grpc\n",
         "closed:UNKNOWN:the answer ended without a grpc-status"},
        {":status: 200\ncontent-type: text/html\n",
         "closed:UNKNOWN:the server does not speak gRPC"},
        {":status: 400\n", "closed:INTERNAL:" BARE},
        {":status: 401\n", "closed:UNAUTHENTICATED:" BARE},
        {":status: 403\n", "closed:PERMISSION_DENIED:" BARE},
        {":status: 404\n", "closed:UNIMPLEMENTED:" BARE},
        {":status: 429\n", "closed:UNAVAILABLE:" BARE},
        {":status: 502\n", "closed:UNAVAILABLE:" BARE},
        {":status: 503\n", "closed:UNAVAILABLE:" BARE},
        {":status: 504\n", "closed:UNAVAILABLE:" BARE},
        {":status: 500\n", "closed:UNKNOWN:" BARE},
        {":status: 415\n", "closed:UNKNOWN:" BARE},
        {":status: 503\ngrpc-status: 7\n", "closed:PERMISSION_DENIED"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret_buf in = {0};
        h2_raw_hello(&in, H2_SERVER);
        h2_raw_headers(&in, 1, RAW_END_STREAM, rows[i].lines);
        assert_outcome(&in, rows[i].want);
        secret_buf_fini(&in);
    }
}

static void a_status_in_trailers_counts_once_the_messages_are_whole(void **unused)
{
    static const struct {
        const char *body;
        size_t len;
        const char *want;
    } rows[] = {
        {"\0\0\0\0\2hi", 7, "message:hi closed:OK"},
        {"\0\0\0\0\2h", 6, "closed:INTERNAL:the answer was cut off within a message"},
        {"\0\0", 2, "closed:INTERNAL:the answer was cut off within a message"},
        {"\1\0\0\0\2hi", 7, "closed:UNIMPLEMENTED:compressed messages are not supported"},
        {"\0\0\4\0\1", 5, "closed:RESOURCE_EXHAUSTED:the message is too large"},
        {"\0\0\0\0\2hi\0\0\4\0\1", 12,
         "message:hi closed:RESOURCE_EXHAUSTED:the message is too large"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret_buf in = {0};
        h2_raw_hello(&in, H2_SERVER);
        h2_raw_headers(&in, 1, 0, ":status: 200\ncontent-type: application/grpc\n");
        h2_raw_frame(&in, RAW_DATA, 0, 1, rows[i].body, rows[i].len);
        h2_raw_headers(&in, 1, RAW_END_STREAM, "grpc-status: 0\n");
        assert_outcome(&in, rows[i].want);
        secret_buf_fini(&in);
    }
}

static void an_error_page_is_not_taken_for_messages(void **unused)
{
    struct secret_buf in = {0};
    (void)unused;
    h2_raw_hello(&in, H2_SERVER);
    h2_raw_headers(&in, 1, 0, ":status: 502\ncontent-type: text/html\n");
    h2_raw_frame(&in, RAW_DATA, RAW_END_STREAM, 1, "<html>bad gateway</html>", 24);
    assert_outcome(&in, "closed:UNAVAILABLE:" BARE);
    secret_buf_fini(&in);
}

static void an_interim_answer_is_passed_over(void **unused)
{
    struct secret_buf in = {0};
    (void)unused;
    h2_raw_hello(&in, H2_SERVER);
    h2_raw_headers(&in, 1, 0, ":status: 103\n");
    h2_raw_headers(&in, 1, 0, ":status: 200\ncontent-type: application/grpc\n");
    h2_raw_frame(&in, RAW_DATA, 0, 1, "\0\0\0\0\2hi", 7);
    h2_raw_headers(&in, 1, RAW_END_STREAM, "grpc-status: 0\n");
    assert_outcome(&in, "message:hi closed:OK");
    secret_buf_fini(&in);
}

static void a_reset_is_translated_by_its_code(void **unused)
{
#define BROKE "the server broke off the call"
    static const struct {
        uint8_t code;
        const char *want;
    } rows[] = {
        {0, "closed:INTERNAL:" BROKE},
        {1, "closed:INTERNAL:" BROKE},
        {2, "closed:INTERNAL:" BROKE},
        {3, "closed:INTERNAL:" BROKE},
        {7, "closed:UNAVAILABLE:the server took no more calls"},
        {8, "closed:CANCELLED:" BROKE},
        {11, "closed:RESOURCE_EXHAUSTED:" BROKE},
        {12, "closed:PERMISSION_DENIED:" BROKE},
        {99, "closed:INTERNAL:" BROKE},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret_buf in = {0};
        const uint8_t code[] = {0, 0, 0, rows[i].code};
        h2_raw_hello(&in, H2_SERVER);
        h2_raw_frame(&in, RAW_RST, 0, 1, code, sizeof(code));
        assert_outcome(&in, rows[i].want);
        secret_buf_fini(&in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_a_grpc_request_gets_a_plain_http_status),
        cmocka_unit_test(both_names_of_the_content_type_will_do),
        cmocka_unit_test(a_client_that_goes_on_after_a_refusal_is_stopped),
        cmocka_unit_test(broken_requests_are_answered_in_grpc),
        cmocka_unit_test(a_header_block_over_the_limit_gets_431),
        cmocka_unit_test(trailers_of_a_request_end_it),
        cmocka_unit_test(an_answer_is_headers_data_and_trailers),
        cmocka_unit_test(a_request_carries_what_servers_look_for),
        cmocka_unit_test(an_answer_in_headers_alone_is_understood),
        cmocka_unit_test(a_status_in_trailers_counts_once_the_messages_are_whole),
        cmocka_unit_test(an_error_page_is_not_taken_for_messages),
        cmocka_unit_test(an_interim_answer_is_passed_over),
        cmocka_unit_test(a_reset_is_translated_by_its_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
