/* SPDX-License-Identifier: Apache-2.0 */
#include "src/unary.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include <openssl/ssl.h>

#include "base/text.h"
#include "src/credentials.h"
#include "src/link.h"

struct unary {
    struct endpoint endpoint;
    struct resolve *lookup;
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
        const enum err rc = grpc_status_to_err((unsigned int)status);
        /* Whoever says so is there: that is not to be mistaken for nobody. */
        unary->result = rc == ERR_UNAVAILABLE ? ERR_REFUSED : rc;
        errbuf_set(&unary->why, "%s", message[0] != '\0' ? message : grpc_status_name(status));
    } else if (unary->result != ERR_OK) {
        errbuf_set(&unary->why, "no memory for the answer");
    } else if (unary->messages != 1) {
        unary->result = ERR_PROTOCOL;
        errbuf_set(&unary->why, "the daemon answered with %zu messages instead of one",
                   unary->messages);
    }
}

static int64_t read_ms(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

/* A context for TCP endpoints; NULL for the others. */
static enum err make_context(const struct endpoint *endpoint, const struct unary_tls *tls,
                             SSL_CTX **out_context, struct errbuf *why)
{
    const struct credentials_paths paths = {
        .ca = tls->ca, .certificate = tls->certificate, .key = tls->key};
    struct credentials *credentials = NULL;
    const int64_t wall_ms = read_ms(CLOCK_REALTIME);
    if (!endpoint->is_tcp) {
        return ERR_OK;
    }
    if (tls->ca == NULL || tls->certificate == NULL || tls->key == NULL) {
        errbuf_set(why, "%s: by TCP a CA, a certificate and its key are needed", endpoint->text);
        return ERR_INVALID;
    }
    enum err rc = credentials_new(&paths, wall_ms, &credentials, why);
    if (rc == ERR_OK) {
        rc = credentials_context(credentials, wall_ms, out_context, why);
    }
    credentials_free(credentials);
    return rc;
}

enum err unary_check(const char *endpoint, const struct unary_tls *tls, struct errbuf *why)
{
    struct endpoint parsed;
    SSL_CTX *context = NULL;
    enum err rc = endpoint_parse(endpoint, &parsed, why);
    if (rc == ERR_OK) {
        rc = make_context(&parsed, tls, &context, why);
    }
    SSL_CTX_free(context);
    return rc;
}

static enum err begin(struct unary *unary, const struct unary_request *request)
{
    const struct endpoint *endpoint = &unary->endpoint;
    const struct h2_events events = {.on_message = on_message, .on_closed = on_closed};
    struct link_way way = {.endpoint = endpoint,
                           .wall_ms = read_ms(CLOCK_REALTIME),
                           .patience_ms = request->timeout_ms,
                           .lookup = &unary->lookup};
    SSL_CTX *context = NULL;
    int32_t stream = 0;
    enum err rc = make_context(endpoint, &request->tls, &context, &unary->why);
    if (rc == ERR_OK) {
        way.context = context;
        rc = link_open(&unary->link, &way, now_ms(), &events, unary, &unary->why);
    }
    SSL_CTX_free(context);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = h2_session_call(unary->link.h2, request->path,
                         endpoint->is_tcp ? endpoint->text : "localhost", request->timeout_ms,
                         &stream);
    if (rc == ERR_OK) {
        rc = h2_session_send(unary->link.h2, stream, request->message);
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

static void say_late(struct unary *unary, int timeout_ms)
{
    const char *what = unary->link.state == LINK_OPEN ? "no answer" : "no connection";
    errbuf_set(&unary->why, "%s within %s", what, text_span_of(timeout_ms).text);
}

/* Until the answer is complete. */
static enum err await_answer(struct unary *unary, int64_t deadline, int timeout_ms)
{
    while (!unary->is_over) {
        struct pollfd wait = {.fd = unary->link.fd, .events = link_wants(&unary->link)};
        const int64_t now = now_ms();
        const int64_t next = link_deadline(&unary->link);
        const int64_t until = next < deadline ? next : deadline;
        const int ready = poll(&wait, 1, until > now ? (int)(until - now) : 0);
        if (ready < 0 && errno != EINTR) {
            errbuf_set(&unary->why, "cannot wait for an answer: %s", strerror(errno));
            return ERR_IO;
        }
        if (ready <= 0 && now_ms() >= deadline) {
            say_late(unary, timeout_ms);
            return ERR_TIMEOUT;
        }
        const enum err rc = link_step(&unary->link, now_ms(), ready > 0, &unary->why);
        if (rc != ERR_OK && !unary->is_over) {
            return rc;
        }
    }
    return unary->result;
}

static enum err call(struct unary *unary, const struct unary_request *request)
{
    const int64_t deadline = now_ms() + request->timeout_ms;
    enum err rc = begin(unary, request);
    if (rc == ERR_OK) {
        rc = await_answer(unary, deadline, request->timeout_ms);
    }
    if (rc != ERR_OK && !unary->is_over && rc != ERR_INVALID && unary->endpoint.is_tcp) {
        errbuf_prefix(&unary->why, "%s", unary->endpoint.text);
    }
    return rc;
}

enum err unary_call(const struct unary_request *request, struct secret_buf *reply,
                    struct errbuf *why)
{
    struct unary unary = {.result = ERR_OK};

    link_init(&unary.link);
    enum err rc = endpoint_parse(request->endpoint, &unary.endpoint, &unary.why);
    if (rc == ERR_OK) {
        rc = call(&unary, request);
    }
    if (rc == ERR_OK) {
        rc = secret_buf_append(reply, unary.message.at, unary.message.len);
    }
    if (rc != ERR_OK) {
        errbuf_set(why, "%s", unary.why.text[0] != '\0' ? unary.why.text : err_text(rc));
    }
    link_close(&unary.link);
    resolve_free(unary.lookup);
    secret_buf_fini(&unary.message);
    return rc;
}
