/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/x509_vfy.h>

#include "serve/plain_answer.h"
#include "serve/tcp_socket.h"
#include "wire/tls_context.h"

#define LINGER_BYTES_MAX 65536

struct handshake {
    struct handshake_options options;
    SSL_CTX *context;            /* referenced */
    struct transport *transport; /* owned, until it moves */
    struct cert_names names;     /* owned: of the verified certificate */
    char address[TCP_SOCKET_NAME_MAX];
    char claims[PEER_TEXT_MAX]; /* a name of a refused certificate, for the log; may be "" */
    struct errbuf names_why;    /* not "": the names are why it is refused */
    struct event *readable;     /* owned */
    struct event *writable;     /* owned */
    struct timer *limit;        /* owned */
    bool has_begun;             /* the first bytes looked like TLS */
    bool lacks_alpn;
    bool is_lingering;
    size_t lingered; /* bytes thrown away */
};

const char *handshake_failure_text(enum handshake_failure failure)
{
    static const char *const texts[] = {
#define HANDSHAKE_FAILURE_TEXT(name, text) [(name)] = (text),
        HANDSHAKE_FAILURE_MAP(HANDSHAKE_FAILURE_TEXT)
#undef HANDSHAKE_FAILURE_TEXT
    };

    return texts[failure];
}

SSL_CTX *handshake_get_context(const struct handshake *h)
{
    return h->context;
}

static int fd_of(const struct handshake *h)
{
    return transport_get_fd(h->transport);
}

/* ---- failure ---- */

static bool is_about_the_certificate(enum handshake_failure failure)
{
    return failure <= HANDSHAKE_BAD_CERTIFICATE || failure == HANDSHAKE_REFUSED_US;
}

static void report(const struct handshake *h, enum handshake_failure failure, const char *why)
{
    const struct services *services = h->options.services;
    int64_t unlogged = 0;

    services->stats->handshakes_failed[failure]++;
    if (!log_limit_allows(&services->lines->handshakes[failure], clock_boot_ms(services->clock),
                          &unlogged)) {
        return;
    }
    /* The noise of strangers is no warning; a frontend that is kept out is one. */
    log_write(services->log, is_about_the_certificate(failure) ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
              "handshake-failed",
              LOG_FIELDS(log_string("listener", h->options.listener),
                         log_string("peer", h->address), log_string("claims", h->claims),
                         log_string("reason", handshake_failure_text(failure)),
                         log_string("why", why), log_int("unlogged", unlogged)));
}

static void end(struct handshake *h)
{
    (void)event_del(h->readable);
    (void)event_del(h->writable);
    h->options.on_failed(h->options.ctx, h); /* may have freed us */
}

/* The alert is on its way; the peer may be still talking. */
static void linger(struct handshake *h)
{
    h->is_lingering = true;
    (void)event_del(h->writable);
    (void)shutdown(fd_of(h), SHUT_WR);
    timer_arm(h->options.services->timers, h->limit, HANDSHAKE_LINGER_MS);
}

static void throw_away(struct handshake *h)
{
    uint8_t bytes[4096];
    ssize_t got = 1;

    while (got > 0 && h->lingered < LINGER_BYTES_MAX) {
        got = recv(fd_of(h), bytes, sizeof(bytes), 0);
        h->lingered += got > 0 ? (size_t)got : 0;
    }
    if (got > 0 || got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        end(h);
    }
}

static enum handshake_failure classify_verdict(long verdict)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return HANDSHAKE_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return HANDSHAKE_REVOKED;
    case X509_V_ERR_INVALID_PURPOSE:
        return HANDSHAKE_BAD_PURPOSE;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return HANDSHAKE_UNKNOWN_CA;
    default:
        return HANDSHAKE_BAD_CERTIFICATE;
    }
}

static enum handshake_failure classify_reason(int reason)
{
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return HANDSHAKE_NO_CERTIFICATE;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return HANDSHAKE_NO_H2;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
        return HANDSHAKE_OLD_TLS;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return HANDSHAKE_LEFT;
    default:
        return reason > SSL_AD_REASON_OFFSET ? HANDSHAKE_REFUSED_US : HANDSHAKE_OTHER;
    }
}

/* Looks at OpenSSL's error queue and leaves it. */
static enum handshake_failure classify(const struct handshake *h, bool is_socket_error)
{
    const unsigned long error = ERR_peek_error();

    if (h->names_why.text[0] != '\0') {
        return HANDSHAKE_BAD_NAMES;
    }
    if (h->lacks_alpn) {
        return HANDSHAKE_NO_H2;
    }
    if (is_socket_error || error == 0) {
        return HANDSHAKE_LEFT;
    }
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
        return HANDSHAKE_OTHER;
    }
    if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return classify_verdict(SSL_get_verify_result(transport_get_ssl(h->transport)));
    }
    return classify_reason(ERR_GET_REASON(error));
}

static void fail(struct handshake *h, int result)
{
    SSL *ssl = transport_get_ssl(h->transport);
    const bool is_socket_error = SSL_get_error(ssl, result) == SSL_ERROR_SYSCALL;
    const enum handshake_failure failure = classify(h, is_socket_error);
    struct errbuf why = {""};

    tls_explain(ssl, &why);
    if (failure == HANDSHAKE_BAD_NAMES) {
        why = h->names_why;
    } else if (failure == HANDSHAKE_NO_H2) {
        errbuf_set(&why, "it does not offer HTTP/2 (ALPN h2), which gRPC needs");
    } else if (failure == HANDSHAKE_OLD_TLS) {
        errbuf_set(&why, "it does not offer TLS 1.3, and nothing older is taken");
    }
    report(h, failure, why.text);
    if (failure == HANDSHAKE_LEFT) {
        end(h);
    } else {
        linger(h);
    }
}

/* ---- the peer's certificate ---- */

static void keep_claim(struct handshake *h, const X509 *leaf)
{
    struct cert_names names = {0};

    if (leaf == NULL || cert_names_of(leaf, &names, NULL) != ERR_OK) {
        return;
    }
    if (names.count > 0) {
        (void)snprintf(h->claims, sizeof(h->claims), "%s:%s",
                       names.at[0].kind == CERT_NAME_URI ? "uri" : "dns", names.at[0].text);
    }
    cert_names_fini(&names);
}

static bool take_names(struct handshake *h, const X509 *leaf)
{
    cert_names_fini(&h->names);
    if (cert_names_of(leaf, &h->names, &h->names_why) != ERR_OK) {
        return false;
    }
    if (h->names.count == 0) {
        errbuf_set(&h->names_why, "its certificate has no URI or DNS name (subjectAltName), and "
                                  "nobody is known by a common name: issue one with such a name");
    }
    return h->names.count > 0;
}

/* After the context's own, which sees to the purpose. */
static int on_verify(int is_good, X509_STORE_CTX *verification)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct handshake *h = SSL_get_app_data(ssl);
    const SSL_verify_cb next = SSL_CTX_get_verify_callback(SSL_get_SSL_CTX(ssl));
    const int verdict = next == NULL ? is_good : next(is_good, verification);

    if (h == NULL) {
        return verdict;
    }
    if (verdict == 0) {
        keep_claim(h, X509_STORE_CTX_get0_cert(verification));
        return 0;
    }
    if (X509_STORE_CTX_get_error_depth(verification) == 0 &&
        !take_names(h, X509_STORE_CTX_get_current_cert(verification))) {
        X509_STORE_CTX_set_error(verification, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    return verdict;
}

/* ---- ALPN ---- */

/* Whoever knows no TLS 1.3 hears of that first. */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct handshake *h = SSL_get_app_data(ssl);
    const unsigned char *unused = NULL;
    size_t len = 0;

    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &unused, &len) != 1 ||
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &unused,
                                  &len) == 1) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    if (h != NULL) {
        h->lacks_alpn = true;
    }
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

void handshake_prepare_context(SSL_CTX *context)
{
    SSL_CTX_set_client_hello_cb(context, on_client_hello, NULL);
}

static bool speaks_h2(const SSL *ssl)
{
    const unsigned char *protocol = NULL;
    unsigned int len = 0;

    SSL_get0_alpn_selected(ssl, &protocol, &len);
    return len == 2 && memcmp(protocol, "h2", 2) == 0;
}

/* ---- steps ---- */

static void finish(struct handshake *h)
{
    SSL *ssl = transport_get_ssl(h->transport);
    struct peer peer = {0};
    struct errbuf why = {""};

    if (!speaks_h2(ssl)) {
        h->lacks_alpn = true;
        fail(h, -1);
        return;
    }
    enum err rc = peer_of_certificate(&h->names, h->address, &peer, &why);
    if (rc != ERR_OK) {
        report(h, rc == ERR_DENIED ? HANDSHAKE_BAD_NAMES : HANDSHAKE_OTHER, why.text);
        end(h);
        return;
    }
    SSL_set_app_data(ssl, NULL);
    (void)event_del(h->readable);
    (void)event_del(h->writable);
    timer_disarm(h->options.services->timers, h->limit);
    h->options.services->stats->handshakes_done++;
    struct transport *transport = h->transport;
    h->transport = NULL;
    h->options.on_done(h->options.ctx, h, transport, &peer); /* may have freed us */
}

/* False: HTTP without TLS; it has been answered. */
static bool looks_like_tls(struct handshake *h)
{
    uint8_t first[PLAIN_ANSWER_PEEK];

    if (h->has_begun) {
        return true;
    }
    const ssize_t got = recv(fd_of(h), first, sizeof(first), MSG_PEEK);
    h->has_begun = true;
    if (got <= 0 || !plain_answer_is_due((struct slice){first, (size_t)got})) {
        return true; /* OpenSSL knows best what to say to the rest */
    }
    const struct slice answer = plain_answer_bytes();
    (void)!send(fd_of(h), answer.at, answer.len, MSG_NOSIGNAL);
    report(h, HANDSHAKE_NOT_TLS, "it does not speak TLS");
    linger(h);
    return false;
}

static void step(struct handshake *h)
{
    SSL *ssl = transport_get_ssl(h->transport);

    if (h->is_lingering) {
        throw_away(h);
        return;
    }
    if (!looks_like_tls(h)) {
        return;
    }
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    const int state = SSL_get_error(ssl, result);
    if (result == 1) {
        finish(h);
    } else if (state == SSL_ERROR_WANT_WRITE) {
        (void)event_add(h->writable, NULL); /* should it fail, the limit ends the wait */
    } else if (state != SSL_ERROR_WANT_READ) {
        fail(h, result);
    }
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    step(arg);
}

static void on_limit(void *arg)
{
    struct handshake *h = arg;

    if (!h->is_lingering) {
        report(h, HANDSHAKE_TIMED_OUT, "the TLS handshake was not complete in time");
    }
    end(h);
}

void handshake_evict(struct handshake *h)
{
    if (!h->is_lingering) {
        report(h, HANDSHAKE_EVICTED,
               "too many connections that have not said who they are: the oldest made room");
    }
}

/* ---- life ---- */

static enum err make_parts(struct handshake *h, int fd)
{
    const struct handshake_options *options = &h->options;

    h->readable = event_new(options->base, fd, EV_READ | EV_PERSIST, on_ready, h);
    h->writable = event_new(options->base, fd, EV_WRITE, on_ready, h);
    h->limit = timer_new(options->services->timers, on_limit, h);
    if (h->readable == NULL || h->writable == NULL || h->limit == NULL ||
        event_add(h->readable, NULL) != 0) {
        return ERR_NOMEM;
    }
    return transport_new(fd, h->context, &h->transport);
}

static void free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void handshake_free(struct handshake *h)
{
    if (h == NULL) {
        return;
    }
    free_event(h->readable);
    free_event(h->writable);
    timer_free(h->options.services->timers, h->limit);
    transport_free(h->transport);
    cert_names_fini(&h->names);
    SSL_CTX_free(h->context);
    free(h);
}

enum err handshake_new(const struct handshake_options *options, int fd,
                       struct handshake **out_handshake)
{
    struct handshake *h = calloc(1, sizeof(*h));

    if (h == NULL) {
        return ERR_NOMEM;
    }
    h->options = *options;
    if (SSL_CTX_up_ref(options->context) == 1) {
        h->context = options->context;
    }
    enum err rc = h->context == NULL ? ERR_NOMEM : make_parts(h, fd);
    if (rc != ERR_OK) {
        handshake_free(h);
        return rc;
    }
    SSL *ssl = transport_get_ssl(h->transport);
    SSL_set_app_data(ssl, h);
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl),
                               (time_t)(clock_wall_ms(options->services->clock) / 1000));
    tcp_socket_prepare(fd);
    tcp_socket_format_peer(fd, h->address);
    timer_arm(options->services->timers, h->limit, options->timeout_ms);
    *out_handshake = h;
    return ERR_OK;
}
