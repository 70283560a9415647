/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_daemon.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "wire/codec.h"
#include "wire/methods.h"
#include "wire/tls_context.h"

static void need(bool ok)
{
    if (!ok) {
        abort();
    }
}

void fake_daemon_start(struct fake_daemon *daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *daemon = (struct fake_daemon){.fd = -1, .unary_replies = 1, .unary_message = ""};
    (void)snprintf(daemon->directory, sizeof(daemon->directory), "/tmp/stek-test-XXXXXX");
    need(mkdtemp(daemon->directory) != NULL);
    (void)snprintf(daemon->path, sizeof(daemon->path), "%s/s", daemon->directory);
    (void)snprintf(daemon->endpoint, sizeof(daemon->endpoint), "unix:%s", daemon->path);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", daemon->path);
    daemon->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    need(daemon->listener >= 0);
    need(bind(daemon->listener, (const struct sockaddr *)&address, sizeof(address)) == 0);
    need(listen(daemon->listener, 16) == 0);
}

static void take_port(struct fake_daemon *daemon, const struct sockaddr *address, socklen_t len)
{
    struct sockaddr_in6 bound = {0}; /* in both families the port is at the same place */
    socklen_t bound_len = sizeof(bound);
    daemon->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    need(daemon->listener >= 0);
    need(bind(daemon->listener, address, len) == 0);
    need(listen(daemon->listener, 16) == 0);
    need(getsockname(daemon->listener, (struct sockaddr *)&bound, &bound_len) == 0);
    daemon->port = ntohs(bound.sin6_port);
}

void fake_daemon_start_tls(struct fake_daemon *daemon, SSL_CTX *context, bool is_v6)
{
    const struct sockaddr_in v4 = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    *daemon =
        (struct fake_daemon){.fd = -1, .unary_replies = 1, .unary_message = "", .tls = context};
    if (is_v6) {
        take_port(daemon, (const struct sockaddr *)&v6, sizeof(v6));
    } else {
        take_port(daemon, (const struct sockaddr *)&v4, sizeof(v4));
    }
    (void)snprintf(daemon->endpoint, sizeof(daemon->endpoint), "%s:%u",
                   is_v6 ? "[::1]" : "127.0.0.1", daemon->port);
}

void fake_daemon_hang_up(struct fake_daemon *daemon)
{
    SSL_free(daemon->ssl);
    daemon->ssl = NULL;
    daemon->is_shaken = false;
    h2_session_free(daemon->h2);
    daemon->h2 = NULL;
    if (daemon->fd >= 0) {
        (void)close(daemon->fd);
    }
    daemon->fd = -1;
    memset(daemon->watches, 0, sizeof(daemon->watches));
    daemon->watch_count = 0;
}

void fake_daemon_stop(struct fake_daemon *daemon)
{
    fake_daemon_hang_up(daemon);
    (void)close(daemon->listener);
    if (daemon->tls == NULL) {
        (void)unlink(daemon->path);
        (void)rmdir(daemon->directory);
    }
}

/* --- what the client says -------------------------------------------------------------------- */

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    struct fake_daemon *daemon = ctx;
    if (strcmp(request->path, METHOD_WATCH_KEYRING) == 0) {
        need(daemon->watch_count < FAKE_DAEMON_STREAMS);
        daemon->watches[daemon->watch_count++] = (struct fake_daemon_watch){.stream = stream};
    }
}

static struct fake_daemon_watch *find_stream(struct fake_daemon *daemon, int32_t stream)
{
    for (size_t i = 0; i < daemon->watch_count; i++) {
        if (daemon->watches[i].stream == stream) {
            return &daemon->watches[i];
        }
    }
    return NULL;
}

static void answer_unary(struct fake_daemon *daemon, int32_t stream, struct slice message)
{
    daemon->unary_request_len =
        message.len < sizeof(daemon->unary_request) ? message.len : sizeof(daemon->unary_request);
    memcpy(daemon->unary_request, message.at, daemon->unary_request_len);
    for (size_t i = 0; i < daemon->unary_replies; i++) {
        need(h2_session_send(daemon->h2, stream, message) == ERR_OK);
    }
    need(h2_session_finish(daemon->h2, stream, daemon->unary_status, daemon->unary_message) ==
         ERR_OK);
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct fake_daemon *daemon = ctx;
    struct fake_daemon_watch *watch = find_stream(daemon, stream);
    struct wire_watch_request request;
    if (watch == NULL) {
        answer_unary(daemon, stream, message);
        return;
    }
    need(wire_decode_watch_request(message, &request, NULL) == ERR_OK);
    if (request.kind == WIRE_WATCH_OPEN) {
        need(!watch->is_open);
        watch->is_open = true;
        watch->open = request.as.open;
    } else {
        need(watch->is_open);
        watch->acks++;
        watch->last_ack = request.as.ack;
    }
}

static void on_half_closed(void *ctx, int32_t stream)
{
    (void)ctx;
    (void)stream;
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct fake_daemon_watch *watch = find_stream(ctx, stream);
    (void)status;
    (void)message;
    if (watch != NULL) {
        *watch = (struct fake_daemon_watch){0};
    }
}

/* --- bytes ----------------------------------------------------------------------------------- */

static bool accept_one(struct fake_daemon *daemon)
{
    const struct h2_limits limits = {0};
    const struct h2_events events = {.on_request = on_request,
                                     .on_message = on_message,
                                     .on_half_closed = on_half_closed,
                                     .on_closed = on_closed};
    if (daemon->fd >= 0) {
        return false;
    }
    daemon->fd = accept4(daemon->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (daemon->fd < 0) {
        return false;
    }
    daemon->connections++;
    if (daemon->tls != NULL) {
        daemon->ssl = SSL_new(daemon->tls);
        need(daemon->ssl != NULL);
        SSL_set_bio(daemon->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(daemon->ssl);
    }
    need(h2_session_new(H2_SERVER, &limits, &events, daemon, &daemon->h2) == ERR_OK);
    return true;
}

/* Hangs up when the socket does not take it all. */
static bool send_all(struct fake_daemon *daemon, const void *bytes, size_t len)
{
    if (send(daemon->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
        fake_daemon_hang_up(daemon);
        return false;
    }
    return true;
}

/* What TLS has to say. */
static bool flush_tls(struct fake_daemon *daemon)
{
    uint8_t out[20000];
    int n = BIO_read(SSL_get_wbio(daemon->ssl), out, sizeof(out));
    bool any = false;
    while (n > 0 && send_all(daemon, out, (size_t)n)) {
        any = true;
        n = BIO_read(SSL_get_wbio(daemon->ssl), out, sizeof(out));
    }
    return any;
}

static bool flush(struct fake_daemon *daemon)
{
    struct slice out = {0};
    bool any = false;
    if (daemon->ssl != NULL && !daemon->is_shaken) {
        return flush_tls(daemon);
    }
    while (h2_session_drain(daemon->h2, &out, NULL) == ERR_OK && out.len > 0) {
        any = true;
        if (daemon->ssl != NULL) {
            need(SSL_write(daemon->ssl, out.at, (int)out.len) == (int)out.len);
            (void)flush_tls(daemon);
        } else {
            (void)send_all(daemon, out.at, out.len);
        }
        if (daemon->fd < 0) {
            return true;
        }
    }
    return any;
}

/* False: the connection is over. */
static bool keep(struct fake_daemon *daemon, int result)
{
    struct errbuf why = {""};
    const int reason = SSL_get_error(daemon->ssl, result);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) {
        return true;
    }
    if (reason != SSL_ERROR_ZERO_RETURN) {
        tls_explain(daemon->ssl, &why);
        (void)snprintf(daemon->tls_trouble, sizeof(daemon->tls_trouble), "%s", why.text);
    }
    (void)flush_tls(daemon);
    fake_daemon_hang_up(daemon);
    return false;
}

static void feed_tls(struct fake_daemon *daemon, const uint8_t *bytes, size_t len)
{
    uint8_t plain[8192];
    need(BIO_write(SSL_get_rbio(daemon->ssl), bytes, (int)len) == (int)len);
    ERR_clear_error();
    if (!daemon->is_shaken) {
        const int result = SSL_accept(daemon->ssl);
        daemon->is_shaken = result == 1;
        if (result != 1) {
            (void)keep(daemon, result);
            return;
        }
    }
    for (;;) {
        ERR_clear_error();
        const int n = SSL_read(daemon->ssl, plain, sizeof(plain));
        if (n <= 0) {
            (void)keep(daemon, n);
            return;
        }
        need(h2_session_feed(daemon->h2, (struct slice){plain, (size_t)n}, NULL) == ERR_OK);
    }
}

bool fake_daemon_step(struct fake_daemon *daemon)
{
    uint8_t in[8192];
    bool any = accept_one(daemon);
    if (daemon->fd < 0 || daemon->is_deaf) {
        return any;
    }
    const ssize_t n = recv(daemon->fd, in, sizeof(in), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        fake_daemon_hang_up(daemon);
        return true;
    }
    if (n > 0 && daemon->ssl != NULL) {
        feed_tls(daemon, in, (size_t)n);
        any = true;
    } else if (n > 0) {
        need(h2_session_feed(daemon->h2, (struct slice){in, (size_t)n}, NULL) == ERR_OK);
        any = true;
    }
    return (daemon->fd >= 0 && flush(daemon)) || any;
}

void fake_daemon_send_raw(struct fake_daemon *daemon, const void *bytes, size_t len)
{
    need(send(daemon->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
}

void fake_daemon_say_goaway(struct fake_daemon *daemon)
{
    need(h2_session_shutdown(daemon->h2, "stopping") == ERR_OK);
    (void)flush(daemon);
}

/* --- what the daemon says -------------------------------------------------------------------- */

struct fake_daemon_watch *fake_daemon_find(struct fake_daemon *daemon, const char *realm)
{
    for (size_t i = 0; i < daemon->watch_count; i++) {
        struct fake_daemon_watch *watch = &daemon->watches[i];
        if (watch->stream != 0 && watch->is_open && strcmp(watch->open.realm, realm) == 0) {
            return watch;
        }
    }
    return NULL;
}

void fake_daemon_send_message(struct fake_daemon *daemon, const char *realm, const void *bytes,
                              size_t len)
{
    const struct fake_daemon_watch *watch = fake_daemon_find(daemon, realm);
    need(watch != NULL);
    need(h2_session_send(daemon->h2, watch->stream, (struct slice){bytes, len}) == ERR_OK);
    (void)flush(daemon);
}

static void send_response(struct fake_daemon *daemon, const char *realm,
                          const struct wire_watch_response *response)
{
    struct secret_buf bytes = {0};
    need(wire_encode_watch_response(response, &bytes) == ERR_OK);
    fake_daemon_send_message(daemon, realm, bytes.at, bytes.len);
    secret_buf_fini(&bytes);
}

void fake_daemon_send_snapshot(struct fake_daemon *daemon, const struct keyring *ring,
                               const struct policy *policy, const struct wire_moment *moment)
{
    struct wire_watch_response response = {.kind = WIRE_WATCH_SNAPSHOT};
    response.as.snapshot.ring = *ring; /* borrowed for the encoding */
    response.as.snapshot.policy = *policy;
    response.as.snapshot.moment = *moment;
    need(keyring_digest(ring, response.as.snapshot.digest) == ERR_OK);
    send_response(daemon, ring->realm, &response);
}

void fake_daemon_send_heartbeat(struct fake_daemon *daemon, const struct keyring *ring,
                                const struct wire_moment *moment)
{
    struct wire_watch_response response = {.kind = WIRE_WATCH_HEARTBEAT};
    response.as.heartbeat.moment = *moment;
    need(keyring_digest(ring, response.as.heartbeat.digest) == ERR_OK);
    send_response(daemon, ring->realm, &response);
}

void fake_daemon_finish(struct fake_daemon *daemon, const char *realm, enum grpc_status status,
                        const char *message)
{
    const struct fake_daemon_watch *watch = fake_daemon_find(daemon, realm);
    need(watch != NULL);
    need(h2_session_finish(daemon->h2, watch->stream, status, message) == ERR_OK);
    (void)flush(daemon);
}
