/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: request:PATH  message:TEXT  half  closed:STATUS[:MESSAGE]  goaway. Messages longer than
 * 40 bytes are logged by their length.
 */
#include "h2_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void note(struct h2_side *side, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(struct h2_side *side, const char *format, ...)
{
    const size_t used = strlen(side->log);
    if (used + 128 > sizeof(side->log)) {
        return;
    }
    va_list args;
    va_start(args, format);
    if (used > 0) {
        side->log[used] = ' ';
    }
    (void)vsnprintf(side->log + used + (used > 0), sizeof(side->log) - used - 1, format, args);
    va_end(args);
}

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    struct h2_side *side = ctx;
    note(side, "request:%s", request->path);
    side->timeout_ms = request->timeout_ms;
    if (side->on_request != NULL) {
        side->on_request(side, stream, request);
    }
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct h2_side *side = ctx;
    side->messages++;
    side->message_bytes += message.len;
    if (message.len > 40) {
        note(side, "message:#%zu", message.len);
    } else {
        note(side, "message:%.*s", (int)message.len, (const char *)message.at);
    }
    if (side->on_message != NULL) {
        side->on_message(side, stream, message);
    }
}

static void on_half_closed(void *ctx, int32_t stream)
{
    struct h2_side *side = ctx;
    note(side, "half");
    if (side->on_half_closed != NULL) {
        side->on_half_closed(side, stream);
    }
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct h2_side *side = ctx;
    assert_non_null(message);
    note(side, "closed:%s%s%s", grpc_status_name(status), message[0] != '\0' ? ":" : "", message);
    side->status = status;
    side->closed++;
    /* Its end is told once, its data may still be asked for, and it takes nothing any more. */
    assert_int_equal(h2_session_send(side->session, stream, (struct slice){NULL, 0}),
                     ERR_NOT_FOUND);
    assert_int_equal(h2_session_cancel(side->session, stream), ERR_NOT_FOUND);
    if (side->on_closed != NULL) {
        side->on_closed(side, stream);
    }
}

static void on_goaway(void *ctx)
{
    note(ctx, "goaway");
}

static void on_refused(void *ctx, enum h2_refusal what)
{
    struct h2_side *side = ctx;
    side->refusals[what]++;
}

void h2_side_init(struct h2_side *side, enum h2_role role, const struct h2_limits *limits)
{
    static const struct h2_limits defaults;
    const struct h2_events events = {
        .on_request = on_request,
        .on_message = on_message,
        .on_half_closed = on_half_closed,
        .on_closed = on_closed,
        .on_goaway = on_goaway,
        .on_refused = on_refused,
    };
    *side = (struct h2_side){0};
    assert_int_equal(
        h2_session_new(role, limits != NULL ? limits : &defaults, &events, side, &side->session),
        ERR_OK);
}

void h2_side_fini(struct h2_side *side)
{
    h2_session_free(side->session);
    side->session = NULL;
}

void h2_pair_init(struct h2_pair *pair, const struct h2_limits *client,
                  const struct h2_limits *server)
{
    h2_side_init(&pair->client, H2_CLIENT, client);
    h2_side_init(&pair->server, H2_SERVER, server);
}

void h2_pair_fini(struct h2_pair *pair)
{
    h2_side_fini(&pair->client);
    h2_side_fini(&pair->server);
}

static void feed(struct h2_side *to, struct slice bytes)
{
    struct errbuf why = {""};
    if (h2_session_feed(to->session, bytes, &why) != ERR_OK) {
        fail_msg("feed: %s", why.text);
    }
}

size_t h2_pair_carry(struct h2_side *from, struct h2_side *to, size_t piece, size_t max)
{
    size_t carried = 0;
    struct slice bytes;
    do {
        assert_int_equal(h2_session_drain(from->session, &bytes, NULL), ERR_OK);
        for (size_t at = 0; at < bytes.len;) {
            const size_t left = bytes.len - at;
            const size_t len = piece > 0 && piece < left ? piece : left;
            feed(to, (struct slice){bytes.at + at, len});
            at += len;
        }
        carried += bytes.len;
    } while (bytes.len > 0 && (max == 0 || carried < max));
    return carried;
}

void h2_pair_run(struct h2_pair *pair)
{
    size_t carried = 0;
    do {
        carried = h2_pair_carry(&pair->client, &pair->server, 0, 0);
        carried += h2_pair_carry(&pair->server, &pair->client, 0, 0);
    } while (carried > 0);
}

int32_t h2_pair_call(struct h2_pair *pair, const char *path)
{
    int32_t stream = 0;
    assert_int_equal(h2_session_call(pair->client.session, path, "localhost", 0, &stream), ERR_OK);
    assert_true(stream > 0 && stream % 2 == 1);
    return stream;
}

void h2_pair_send(struct h2_side *side, int32_t stream, const char *text)
{
    const struct slice message = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(h2_session_send(side->session, stream, message), ERR_OK);
}

void h2_side_assert_log(struct h2_side *side, const char *want)
{
    assert_string_equal(side->log, want);
    side->log[0] = '\0';
}

void h2_side_echo(struct h2_side *side, int32_t stream, struct slice message)
{
    assert_int_equal(h2_session_send(side->session, stream, message), ERR_OK);
}

void h2_side_finish_ok(struct h2_side *side, int32_t stream)
{
    assert_int_equal(h2_session_finish(side->session, stream, GRPC_OK, NULL), ERR_OK);
}
