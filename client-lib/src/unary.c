/* SPDX-License-Identifier: Apache-2.0 */
#include "src/unary.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "src/link.h"

struct unary {
    struct link link;
    struct secret_buf message;
    struct errbuf why;
    enum err result;
    size_t messages;
    bool is_over;
};

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct unary *unary = ctx;
    (void)stream;
    unary->messages++;
    if (unary->messages == 1 && unary->result == ERR_OK) {
        unary->result = secret_buf_append(&unary->message, message.at, message.len);
    }
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct unary *unary = ctx;
    (void)stream;
    unary->is_over = true;
    if (status != GRPC_OK) {
        unary->result = grpc_status_to_err((unsigned int)status);
        errbuf_set(&unary->why, "%s", message[0] != '\0' ? message : grpc_status_name(status));
    } else if (unary->result != ERR_OK) {
        errbuf_set(&unary->why, "no memory for the answer");
    } else if (unary->messages != 1) {
        unary->result = ERR_PROTOCOL;
        errbuf_set(&unary->why, "the daemon answered with %zu messages instead of one",
                   unary->messages);
    }
}

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum err begin(struct unary *unary, const struct endpoint *endpoint, const char *path,
                      struct slice request, int timeout_ms)
{
    const struct h2_events events = {.on_message = on_message, .on_closed = on_closed};
    int32_t stream = 0;
    enum err rc = link_open(&unary->link, endpoint, &events, unary, &unary->why);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = h2_session_call(unary->link.h2, path, "localhost", timeout_ms, &stream);
    if (rc == ERR_OK) {
        rc = h2_session_send(unary->link.h2, stream, request);
    }
    if (rc == ERR_OK) {
        rc = h2_session_half_close(unary->link.h2, stream);
    }
    if (rc != ERR_OK) {
        errbuf_set(&unary->why, "cannot send the request: %s", err_text(rc));
        return rc;
    }
    return link_flush(&unary->link, &unary->why);
}

/* Until the answer is complete. */
static enum err await_answer(struct unary *unary, int64_t deadline, int timeout_ms)
{
    while (!unary->is_over) {
        const int64_t left = deadline - now_ms();
        struct pollfd wait = {.fd = unary->link.fd, .events = link_wants(&unary->link)};
        const int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            errbuf_set(&unary->why, "no answer within %s", text_span_of(timeout_ms).text);
            return ready < 0 ? ERR_IO : ERR_TIMEOUT;
        }
        const enum err rc = link_on_ready(&unary->link, &unary->why);
        if (rc != ERR_OK && !unary->is_over) {
            return rc;
        }
    }
    return unary->result;
}

enum err unary_call(const char *endpoint, const char *path, struct slice request, int timeout_ms,
                    struct secret_buf *reply, struct errbuf *why)
{
    const int64_t deadline = now_ms() + timeout_ms;
    struct unary unary = {.result = ERR_OK};
    struct endpoint parsed;

    link_init(&unary.link);
    enum err rc = endpoint_parse(endpoint, &parsed, &unary.why);
    if (rc == ERR_OK) {
        rc = begin(&unary, &parsed, path, request, timeout_ms);
    }
    if (rc == ERR_OK) {
        rc = await_answer(&unary, deadline, timeout_ms);
    }
    if (rc == ERR_OK) {
        rc = secret_buf_append(reply, unary.message.at, unary.message.len);
    }
    if (rc != ERR_OK) {
        errbuf_set(why, "%s", unary.why.text[0] != '\0' ? unary.why.text : err_text(rc));
    }
    link_close(&unary.link);
    secret_buf_fini(&unary.message);
    return rc;
}
