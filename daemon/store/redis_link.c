/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "base/secret.h"
#include "base/text.h"
#include "store/redis_reply.h"

#define WAIT_FIRST_MS INT64_C(50)
#define WAIT_MOST_MS  INT64_C(1000)
#define DOUBLINGS_MAX 5u
#define ARGS_MAX      16

enum state { STARTING, WAITING, CONNECTING, GREETING, UP };

struct redis_link {
    struct event_base *base;
    const struct timers *timers;
    const struct random_source *random;
    const struct redis_server *server;
    int64_t timeout_ms;
    struct redis_link_owner owner;

    enum state state;
    struct timer *timer; /* WAITING: when to connect; CONNECTING and GREETING: when to give up */
    struct bufferevent *bev;
    struct evdns_base *dns; /* made for the first name that is no number */
    redisReader *reader;
    size_t unread;        /* bytes fed since the last whole reply */
    unsigned int greeted; /* replies the greeting still waits for */
    unsigned int failures;
    struct errbuf why;

    unsigned int depth; /* callbacks of ours on the stack */
    bool is_closed;
};

static void set_state(struct redis_link *link, enum state state)
{
    link->state = state;
}

static void destroy(struct redis_link *link)
{
    timer_free(link->timers, link->timer);
    if (link->dns != NULL) {
        evdns_base_free(link->dns, 0);
    }
    free(link);
}

static void enter(struct redis_link *link)
{
    link->depth++;
}

/* Last statement of whatever the loop calls. */
static void leave(struct redis_link *link)
{
    link->depth--;
    if (link->is_closed && link->depth == 0) {
        destroy(link);
    }
}

/* --- down --- */

static int64_t wait_ms(struct redis_link *link)
{
    uint32_t draw = 0;
    unsigned int doublings = link->failures < DOUBLINGS_MAX ? link->failures : DOUBLINGS_MAX;
    int64_t wait = WAIT_FIRST_MS << doublings;

    (void)!random_fill(link->random, (uint8_t *)&draw, sizeof(draw));
    wait = wait < WAIT_MOST_MS ? wait : WAIT_MOST_MS;
    return wait - (int64_t)draw % (wait / 2 + 1);
}

static void hang_up(struct redis_link *link)
{
    if (link->bev != NULL) {
        bufferevent_free(link->bev);
        link->bev = NULL;
    }
    if (link->reader != NULL) {
        redisReaderFree(link->reader);
        link->reader = NULL;
    }
    link->unread = 0;
}

void redis_link_drop(struct redis_link *link, enum err code, const char *why)
{
    struct errbuf told;

    if (link->is_closed || link->state == STARTING || link->state == WAITING) {
        return;
    }
    errbuf_set(&told, "%s", why); /* it may lie in what goes now */
    hang_up(link);
    link->why = told;
    timer_arm(link->timers, link->timer, wait_ms(link));
    link->failures++;
    set_state(link, WAITING);
    enter(link);
    link->owner.on_down(link->owner.ctx, code, told.text);
    leave(link);
}

static void drop_saying(struct redis_link *link, enum err code, const char *what, const char *why)
{
    struct errbuf text;

    if (link->server->unix_path[0] != '\0') {
        errbuf_set(&text, "Redis at unix:%s: %s%s", link->server->unix_path, what, why);
    } else {
        errbuf_set(&text, "Redis at %s:%u: %s%s", link->server->host, (unsigned)link->server->port,
                   what, why);
    }
    redis_link_drop(link, code, text.text);
}

/* --- up --- */

enum err redis_link_send(struct redis_link *link, int argc, const struct slice *argv)
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
    int rc = bufferevent_write(link->bev, command, (size_t)len);
    secret_wipe(command, (size_t)len); /* the password is in one of them */
    redisFreeCommand(command);
    return rc == 0 ? ERR_OK : ERR_NOMEM;
}

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void greet(struct redis_link *link)
{
    struct slice auth[3] = {text_slice("AUTH")};
    const struct slice ping[1] = {text_slice("PING")};
    int argc = 1;
    enum err rc = ERR_OK;

    set_state(link, GREETING);
    link->greeted = 1;
    if (link->server->username[0] != '\0') {
        auth[argc++] = text_slice(link->server->username);
    }
    if (link->server->password.len > 0) {
        auth[argc++] = (struct slice){link->server->password.at, link->server->password.len};
        link->greeted++;
        rc = redis_link_send(link, argc, auth);
    }
    if (rc == ERR_OK) {
        rc = redis_link_send(link, 1, ping);
    }
    if (rc != ERR_OK) {
        drop_saying(link, rc, "", err_text(rc));
    }
}

static void take_greeting(struct redis_link *link, const redisReply *reply)
{
    struct errbuf why;

    if (reply->type == REDIS_REPLY_ERROR) {
        struct redis_refusal refusal = redis_reply_classify(reply->str, (size_t)reply->len, &why);
        /* A user who may not PING is known all the same. */
        if (link->greeted != 1 || strncmp(reply->str, "NOPERM", 6) != 0) {
            drop_saying(link, refusal.code, "", why.text);
            return;
        }
    } else if (reply->type != REDIS_REPLY_STATUS) {
        drop_saying(link, ERR_PROTOCOL, "",
                    "this is no Redis: it answers PING with something else");
        return;
    }
    link->greeted--;
    if (link->greeted == 0) {
        timer_disarm(link->timers, link->timer);
        set_state(link, UP);
        link->owner.on_up(link->owner.ctx);
    }
}

static void take_reply(struct redis_link *link, const redisReply *reply)
{
    if (link->state == GREETING) {
        take_greeting(link, reply);
        return;
    }
    link->failures = 0;
    link->owner.on_reply(link->owner.ctx, reply);
}

/* Whole replies out of what has been read. */
static void take_replies(struct redis_link *link)
{
    while (!link->is_closed && link->reader != NULL) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK) {
            drop_saying(link, ERR_PROTOCOL, "this is not Redis' protocol: ", link->reader->errstr);
            return;
        }
        if (reply == NULL) {
            return;
        }
        link->unread = 0;
        take_reply(link, reply);
        freeReplyObject(reply);
    }
}

static void on_readable(struct bufferevent *bev, void *arg)
{
    struct redis_link *link = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    char piece[4096];

    enter(link);
    while (!link->is_closed && link->bev == bev) {
        int len = evbuffer_remove(input, piece, sizeof(piece));
        if (len <= 0) {
            break;
        }
        link->unread += (size_t)len;
        if (link->unread > REDIS_LINK_INPUT_MAX) {
            drop_saying(link, ERR_LIMIT, "", "its reply is larger than any of ours can be");
        } else if (redisReaderFeed(link->reader, piece, (size_t)len) != REDIS_OK) {
            drop_saying(link, ERR_NOMEM, "", "out of memory");
        } else {
            take_replies(link);
        }
    }
    leave(link);
}

/* --- connecting --- */

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis_link *link = arg;
    int reason = EVUTIL_SOCKET_ERROR();
    int dns = bufferevent_socket_get_dns_error(bev);

    enter(link);
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        greet(link);
    } else if (dns != 0) {
        drop_saying(link, ERR_UNAVAILABLE, "", evutil_gai_strerror(dns));
    } else if ((what & BEV_EVENT_EOF) != 0) {
        drop_saying(link, ERR_UNAVAILABLE, "", "it closed the connection");
    } else {
        drop_saying(link, ERR_UNAVAILABLE,
                    link->state == CONNECTING ? "cannot connect: " : "connection lost: ",
                    reason == 0 ? "the peer is gone" : evutil_socket_error_to_string(reason));
    }
    leave(link);
}

static int connect_unix(struct redis_link *link)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (text_copy(address.sun_path, sizeof(address.sun_path), link->server->unix_path) != ERR_OK) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return bufferevent_socket_connect(link->bev, (struct sockaddr *)&address, sizeof(address));
}

static int connect_tcp(struct redis_link *link)
{
    struct sockaddr_storage address;
    int len = (int)sizeof(address);

    if (evutil_parse_sockaddr_port(link->server->host, (struct sockaddr *)&address, &len) == 0) {
        if (address.ss_family == AF_INET6) {
            ((struct sockaddr_in6 *)&address)->sin6_port = htons(link->server->port);
        } else {
            ((struct sockaddr_in *)&address)->sin_port = htons(link->server->port);
        }
        return bufferevent_socket_connect(link->bev, (struct sockaddr *)&address, len);
    }
    /* Names are resolved by the loop: getaddrinfo() would stop everything for as long as it takes.
     */
    if (link->dns == NULL) {
        link->dns = evdns_base_new(link->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                   EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    }
    if (link->dns == NULL) {
        errno = ENOMEM;
        return -1;
    }
    return bufferevent_socket_connect_hostname(link->bev, link->dns, AF_UNSPEC, link->server->host,
                                               link->server->port);
}

static void start(struct redis_link *link)
{
    set_state(link, CONNECTING);
    timer_arm(link->timers, link->timer, link->timeout_ms);
    link->reader = redisReaderCreate();
    link->bev =
        bufferevent_socket_new(link->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (link->reader == NULL || link->bev == NULL) {
        drop_saying(link, ERR_NOMEM, "", "out of memory");
        return;
    }
    bufferevent_setcb(link->bev, on_readable, NULL, on_event, link);
    errno = 0;
    int rc = link->server->unix_path[0] != '\0' ? connect_unix(link) : connect_tcp(link);
    if (rc != 0 || bufferevent_enable(link->bev, EV_READ | EV_WRITE) != 0) {
        drop_saying(link, ERR_UNAVAILABLE,
                    "cannot connect: ", errno == 0 ? "out of memory" : strerror(errno));
    }
}

static void on_timer(void *arg)
{
    struct redis_link *link = arg;

    enter(link);
    if (link->state == STARTING || link->state == WAITING) {
        start(link);
    } else {
        drop_saying(link, ERR_TIMEOUT, "",
                    link->state == CONNECTING ? "cannot connect in time"
                                              : "it took the connection but does not answer");
    }
    leave(link);
}

/* --- life --- */

enum err redis_link_open(const struct redis_link_options *options, struct redis_link **out_link)
{
    struct redis_link *link = calloc(1, sizeof(*link));

    if (link == NULL) {
        return ERR_NOMEM;
    }
    link->base = options->base;
    link->timers = options->timers;
    link->random = options->random;
    link->server = options->server;
    link->timeout_ms = options->timeout_ms;
    link->owner = options->owner;
    link->timer = timer_new(options->timers, on_timer, link);
    if (link->timer == NULL) {
        free(link);
        return ERR_NOMEM;
    }
    timer_arm(options->timers, link->timer, 0);
    *out_link = link; /* moves to the caller */
    return ERR_OK;
}

void redis_link_close(struct redis_link *link)
{
    if (link == NULL || link->is_closed) {
        return;
    }
    link->is_closed = true;
    hang_up(link);
    timer_disarm(link->timers, link->timer);
    if (link->depth == 0) {
        destroy(link);
    }
}

bool redis_link_is_up(const struct redis_link *link)
{
    return link->state == UP;
}

bool redis_link_is_waiting(const struct redis_link *link)
{
    return link->state == WAITING;
}

const char *redis_link_why(const struct redis_link *link)
{
    return link->why.text;
}
