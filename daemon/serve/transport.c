/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/transport.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "wire/tls_context.h"

struct transport {
    int fd;         /* owned */
    SSL *ssl;       /* owned; NULL: no TLS */
    bool is_broken; /* TLS has failed: nothing may be sent any more */
};

enum err transport_new(int fd, SSL_CTX *context, struct transport **out_transport)
{
    struct transport *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->fd = -1;
    if (context != NULL) {
        t->ssl = SSL_new(context);
        if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
            ERR_clear_error();
            transport_free(t);
            return ERR_NOMEM;
        }
        SSL_set_accept_state(t->ssl);
    }
    t->fd = fd;
    *out_transport = t;
    return ERR_OK;
}

void transport_free(struct transport *t)
{
    if (t == NULL) {
        return;
    }
    if (t->ssl != NULL) {
        if (t->fd >= 0 && !t->is_broken && SSL_is_init_finished(t->ssl)) {
            (void)SSL_shutdown(t->ssl);
        }
        SSL_free(t->ssl);
        ERR_clear_error();
    }
    if (t->fd >= 0) {
        (void)close(t->fd);
    }
    free(t);
}

int transport_get_fd(const struct transport *t)
{
    return t->fd;
}

SSL *transport_get_ssl(const struct transport *t)
{
    return t->ssl;
}

/* ---- TLS ---- */

/* What an SSL function that did not do it means. */
static enum transport_io tls_outcome(struct transport *t, int result, struct errbuf *why)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        return TRANSPORT_END;
    case SSL_ERROR_SYSCALL:
        t->is_broken = true;
        ERR_clear_error();
        return TRANSPORT_END;
    default:
        t->is_broken = true;
        break;
    }
    /* Streams end by frames of their own, so a missing goodbye cuts nothing short unseen. */
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return TRANSPORT_END;
    }
    tls_explain(t->ssl, why);
    return TRANSPORT_BROKEN;
}

static enum transport_io tls_read(struct transport *t, uint8_t *to, size_t cap, size_t *out_got,
                                  struct errbuf *why)
{
    size_t got = 0;

    ERR_clear_error();
    const int result = SSL_read_ex(t->ssl, to, cap, &got);
    if (result != 1) {
        return tls_outcome(t, result, why);
    }
    *out_got = got;
    return TRANSPORT_OK;
}

static enum transport_io tls_write(struct transport *t, struct slice bytes, size_t *out_sent)
{
    size_t sent = 0;

    ERR_clear_error();
    const int result = SSL_write_ex(t->ssl, bytes.at, bytes.len, &sent);
    if (result != 1) {
        return tls_outcome(t, result, NULL);
    }
    *out_sent = sent;
    return TRANSPORT_OK;
}

/* ---- sockets ---- */

static enum transport_io socket_outcome(ssize_t result)
{
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return TRANSPORT_WAIT;
    }
    return result > 0 ? TRANSPORT_OK : TRANSPORT_END;
}

enum transport_io transport_read(struct transport *t, uint8_t *to, size_t cap, size_t *out_got,
                                 struct errbuf *why)
{
    if (t->ssl != NULL) {
        return tls_read(t, to, cap, out_got, why);
    }
    const ssize_t got = recv(t->fd, to, cap, 0);
    if (got > 0) {
        *out_got = (size_t)got;
    }
    return socket_outcome(got);
}

bool transport_has_buffered(const struct transport *t)
{
    return t->ssl != NULL && SSL_has_pending(t->ssl) != 0;
}

enum transport_io transport_write(struct transport *t, struct slice bytes, size_t *out_sent)
{
    ssize_t sent = -1;

    if (t->ssl != NULL) {
        return tls_write(t, bytes, out_sent);
    }
    do {
        sent = send(t->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent > 0) {
        *out_sent = (size_t)sent;
    }
    return socket_outcome(sent);
}

/* ---- the peer's certificate ---- */

static enum err verify_chain(X509_STORE_CTX *verification, SSL_CTX *context, int64_t now_ms,
                             struct errbuf *why)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(verification);

    /* As libssl does it for a client's certificate. */
    if (X509_STORE_CTX_set_default(verification, "ssl_client") != 1 ||
        X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(context)) != 1) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
    if (X509_verify_cert(verification) != 1) {
        errbuf_set(why, "the client's certificate is refused: %s",
                   tls_verify_text(X509_STORE_CTX_get_error(verification)));
        return ERR_DENIED;
    }
    return ERR_OK;
}

enum err transport_verify(const struct transport *t, SSL_CTX *context, int64_t now_ms,
                          struct errbuf *why)
{
    X509 *leaf = t->ssl == NULL ? NULL : SSL_get0_peer_certificate(t->ssl);

    if (t->ssl == NULL) {
        return ERR_OK;
    }
    if (leaf == NULL) {
        errbuf_set(why, "the client has no certificate");
        return ERR_DENIED;
    }
    X509_STORE_CTX *verification = X509_STORE_CTX_new();
    enum err rc = ERR_NOMEM;
    if (verification != NULL && X509_STORE_CTX_init(verification, SSL_CTX_get_cert_store(context),
                                                    leaf, SSL_get_peer_cert_chain(t->ssl)) == 1) {
        rc = verify_chain(verification, context, now_ms, why);
    } else {
        errbuf_set(why, "out of memory");
    }
    X509_STORE_CTX_free(verification);
    ERR_clear_error();
    return rc;
}

int64_t transport_not_after_ms(const struct transport *t)
{
    STACK_OF(X509) *chain = t->ssl == NULL ? NULL : SSL_get0_verified_chain(t->ssl);
    int64_t first = INT64_MAX;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        const int64_t until = tls_not_after_ms(sk_X509_value(chain, i));
        first = until < first ? until : first;
    }
    return first;
}
