/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_conn.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <openssl/ssl.h>

#include "base/secret.h"
#include "base/text.h"
#include "store/redis_bounds.h"
#include "store/redis_tls.h"

#define ARGS_MAX 16

struct redis_conn {
    struct event_base *base;
    struct redis_dns *dns;
    struct redis_endpoint at;
    const char *whom;
    struct redis_conn_owner owner;
    struct bufferevent *bev; /* NULL: it has ended */
    redisReader *reader;
    struct redis_bounds bounds;
    size_t unread; /* bytes fed since the last whole reply */
    bool has_tls;
    bool is_up;
    bool has_answered;
    unsigned int depth; /* callbacks of ours on the stack */
    bool is_closed;
};

void redis_dns_fini(struct redis_dns *dns)
{
    if (dns->base != NULL) {
        evdns_base_free(dns->base, 0);
        dns->base = NULL;
    }
}

static void enter(struct redis_conn *conn)
{
    conn->depth++;
}

/* Last statement of whatever the loop calls. */
static void leave(struct redis_conn *conn)
{
    conn->depth--;
    if (conn->is_closed && conn->depth == 0) {
        free(conn);
    }
}

static void hang_up(struct redis_conn *conn)
{
    conn->is_up = false;
    if (conn->bev != NULL) {
        bufferevent_free(conn->bev);
        conn->bev = NULL;
    }
    if (conn->reader != NULL) {
        redisReaderFree(conn->reader);
        conn->reader = NULL;
    }
}

void redis_conn_say(const struct redis_conn *conn, const char *rest, struct errbuf *out)
{
    char text[REDIS_ENDPOINT_TEXT];

    redis_endpoint_format(&conn->at, text);
    errbuf_set(out, "%s at %s: %s", conn->whom, text, rest);
}

static void end(struct redis_conn *conn, enum err code, const char *what, const char *why)
{
    struct errbuf rest;
    struct errbuf text;

    if (conn->is_closed || conn->bev == NULL) {
        return;
    }
    errbuf_set(&rest, "%s%s", what, why); /* it may lie in what goes now */
    redis_conn_say(conn, rest.text, &text);
    hang_up(conn);
    conn->owner.on_end(conn->owner.ctx, code, text.text);
}

/* --- commands and replies --- */

enum err redis_conn_send(struct redis_conn *conn, int argc, const struct slice *argv)
{
    const char *texts[ARGS_MAX];
    size_t lengths[ARGS_MAX];
    char *command = NULL;

    if (argc > ARGS_MAX) {
        return ERR_LIMIT;
    }
    for (int i = 0; i < argc; i++) {
        texts[i] = argv[i].at == NULL ? "" : (const char *)argv[i].at;
        lengths[i] = argv[i].len;
    }
    int len = redisFormatCommandArgv(&command, argc, texts, lengths);
    if (len < 0) {
        return ERR_NOMEM;
    }
    int rc = bufferevent_write(conn->bev, command, (size_t)len);
    secret_wipe(command, (size_t)len); /* the password is in one of them */
    redisFreeCommand(command);
    return rc == 0 ? ERR_OK : ERR_NOMEM;
}

/* Whole replies out of what has been read. */
static void take_replies(struct redis_conn *conn)
{
    while (!conn->is_closed && conn->reader != NULL) {
        void *reply = NULL;
        if (redisReaderGetReply(conn->reader, &reply) != REDIS_OK) {
            end(conn, ERR_PROTOCOL, "this is not Redis' protocol: ", conn->reader->errstr);
            return;
        }
        if (reply == NULL) {
            return;
        }
        conn->unread = conn->reader->len - conn->reader->pos; /* of the next one already */
        conn->has_answered = true;
        conn->owner.on_reply(conn->owner.ctx, reply);
        freeReplyObject(reply);
    }
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct redis_conn *conn = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    char piece[4096];

    enter(conn);
    while (!conn->is_closed && conn->bev != NULL) {
        int len = evbuffer_remove(input, piece, sizeof(piece));
        if (len <= 0) {
            break;
        }
        conn->unread += (size_t)len;
        if (conn->unread > REDIS_CONN_INPUT_MAX ||
            !redis_bounds_take(&conn->bounds, piece, (size_t)len, REDIS_CONN_INPUT_MAX)) {
            end(conn, ERR_LIMIT, "", "its reply is larger than any of ours can be");
        } else if (redisReaderFeed(conn->reader, piece, (size_t)len) != REDIS_OK) {
            end(conn, ERR_NOMEM, "", "out of memory");
        } else {
            take_replies(conn);
        }
    }
    leave(conn);
}

/* --- connecting --- */

static void end_for(struct redis_conn *conn, short what, int reason)
{
    struct errbuf why;
    enum err code = conn->has_tls ? redis_tls_explain(conn->bev, &why) : ERR_OK;
    int dns = bufferevent_socket_get_dns_error(conn->bev);

    if (conn->is_up && !conn->has_answered && code != ERR_DENIED && conn->at.host[0] != '\0') {
        end(conn, ERR_UNAVAILABLE, "it hung up before its first answer: ",
            conn->has_tls ? "does it refuse our certificate (store.tls)?"
                          : "does it want TLS (store.tls)?");
    } else if (code != ERR_OK) {
        end(conn, code, code == ERR_UNAVAILABLE ? "" : "TLS: ", why.text);
    } else if (dns != 0) {
        end(conn, ERR_UNAVAILABLE, "", evutil_gai_strerror(dns));
    } else if ((what & BEV_EVENT_EOF) != 0) {
        end(conn, ERR_UNAVAILABLE, "", "it closed the connection");
    } else {
        end(conn, ERR_UNAVAILABLE, conn->is_up ? "connection lost: " : "cannot connect: ",
            reason == 0 ? "the peer is gone" : evutil_socket_error_to_string(reason));
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis_conn *conn = arg;
    int reason = EVUTIL_SOCKET_ERROR();

    enter(conn);
    if ((what & BEV_EVENT_CONNECTED) == 0) {
        end_for(conn, what, reason);
    } else if (!conn->is_up && conn->bev == bev) {
        if (conn->has_tls) {
            /* Replies know their own length: without a close_notify none is cut short unseen. */
            bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
        }
        conn->is_up = true;
        conn->owner.on_up(conn->owner.ctx);
    }
    leave(conn);
}

static int connect_unix(struct redis_conn *conn)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (text_copy(address.sun_path, sizeof(address.sun_path), conn->at.unix_path) != ERR_OK) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return bufferevent_socket_connect(conn->bev, (struct sockaddr *)&address, sizeof(address));
}

static int connect_name(struct redis_conn *conn)
{
    struct redis_dns *dns = conn->dns;

    if (dns->base == NULL) {
        dns->base = evdns_base_new(conn->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                   EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    }
    if (dns->base == NULL) {
        errno = ENOMEM;
        return -1;
    }
    return bufferevent_socket_connect_hostname(conn->bev, dns->base, AF_UNSPEC, conn->at.host,
                                               conn->at.port);
}

static int connect_tcp(struct redis_conn *conn)
{
    struct sockaddr_storage address;
    int len = (int)sizeof(address);

    if (evutil_parse_sockaddr_port(conn->at.host, (struct sockaddr *)&address, &len) != 0) {
        return connect_name(conn);
    }
    if (address.ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)&address)->sin6_port = htons(conn->at.port);
    } else {
        ((struct sockaddr_in *)&address)->sin_port = htons(conn->at.port);
    }
    return bufferevent_socket_connect(conn->bev, (struct sockaddr *)&address, len);
}

static void make_bufferevent(struct redis_conn *conn, SSL_CTX *tls)
{
    const int flags = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
    SSL *ssl = NULL;

    if (tls == NULL || conn->at.unix_path[0] != '\0') {
        conn->bev = bufferevent_socket_new(conn->base, -1, flags);
        return;
    }
    if (redis_tls_new(tls, conn->at.host, &ssl) != ERR_OK) {
        return;
    }
    conn->has_tls = true;
    conn->bev = bufferevent_openssl_socket_new(conn->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                               flags); /* takes `ssl`, if it succeeds */
    if (conn->bev == NULL) {
        SSL_free(ssl);
    }
}

static enum err start(struct redis_conn *conn, SSL_CTX *tls, struct errbuf *why)
{
    struct errbuf rest;

    conn->reader = redisReaderCreate();
    make_bufferevent(conn, tls);
    if (conn->reader == NULL || conn->bev == NULL) {
        redis_conn_say(conn, "out of memory", why);
        return ERR_NOMEM;
    }
    bufferevent_setcb(conn->bev, on_readable, NULL, on_event, conn);
    errno = 0;
    int rc = conn->at.unix_path[0] != '\0' ? connect_unix(conn) : connect_tcp(conn);
    if (rc != 0 || bufferevent_enable(conn->bev, EV_READ | EV_WRITE) != 0) {
        errbuf_set(&rest, "cannot connect: %s", errno == 0 ? "out of memory" : strerror(errno));
        redis_conn_say(conn, rest.text, why);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

/* --- life --- */

enum err redis_conn_open(const struct redis_conn_options *options, struct redis_conn **out_conn,
                         struct errbuf *why)
{
    struct redis_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    conn->base = options->base;
    conn->dns = options->dns;
    conn->at = *options->at;
    conn->whom = options->whom;
    conn->owner = options->owner;
    enum err rc = start(conn, options->tls, why);
    if (rc != ERR_OK) {
        redis_conn_close(conn);
        return rc;
    }
    *out_conn = conn; /* moves to the caller */
    return ERR_OK;
}

void redis_conn_close(struct redis_conn *conn)
{
    if (conn == NULL || conn->is_closed) {
        return;
    }
    conn->is_closed = true;
    hang_up(conn);
    if (conn->depth == 0) {
        free(conn);
    }
}

const char *redis_conn_silence(const struct redis_conn *conn)
{
    if (conn->is_up) {
        return "it took the connection but does not answer";
    }
    if (conn->has_tls && conn->bev != NULL &&
        !SSL_in_before(bufferevent_openssl_get_ssl(conn->bev))) {
        return "it does not finish the TLS handshake: does it speak TLS on this port?";
    }
    return "cannot connect in time";
}
