/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_redis.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <hiredis/hiredis.h>
#include <openssl/ssl.h>

#include "base/text.h"

#define PEERS_MAX 128
#define ARGS_MAX  16

struct peer {
    struct fake_redis *redis;
    struct bufferevent *bev; /* NULL: it is gone */
    redisReader *reader;
};

struct fake_redis {
    struct fake_redis_options options;
    struct evconnlistener *listener;
    struct sockaddr_un unix_address;
    uint16_t port;
    struct peer peers[PEERS_MAX];
    size_t peer_count;
};

static void hang_up(struct peer *peer)
{
    if (peer->bev != NULL) {
        bufferevent_free(peer->bev);
        redisReaderFree(peer->reader);
        peer->bev = NULL;
    }
}

static void answer(struct peer *peer, const redisReply *command)
{
    const char *argv[ARGS_MAX] = {0};

    assert_int_equal(command->type, REDIS_REPLY_ARRAY);
    assert_in_range(command->elements, 1, ARGS_MAX);
    for (size_t i = 0; i < command->elements; i++) {
        argv[i] = command->element[i]->str;
    }
    const char *text =
        peer->redis->options.answer(peer->redis->options.ctx, command->elements, argv);
    if (text != NULL && text[0] == '\0') {
        hang_up(peer);
    } else if (text != NULL) {
        assert_int_equal(bufferevent_write(peer->bev, text, strlen(text)), 0);
    }
}

static void on_command(struct bufferevent *bev, void *arg)
{
    struct peer *peer = arg;
    char piece[4096];
    int len = evbuffer_remove(bufferevent_get_input(bev), piece, sizeof(piece));

    while (len > 0 && peer->bev != NULL) {
        void *command = NULL;
        (void)redisReaderFeed(peer->reader, piece, (size_t)len);
        len = evbuffer_remove(bufferevent_get_input(bev), piece, sizeof(piece));
        while (peer->bev != NULL && redisReaderGetReply(peer->reader, &command) == REDIS_OK &&
               command != NULL) {
            answer(peer, command);
            freeReplyObject(command);
            command = NULL;
        }
        if (peer->bev != NULL && peer->reader->err != 0) {
            /* TLS, perhaps; Redis answers so, too. */
            assert_int_equal(bufferevent_write(bev, "-ERR Protocol error\r\n", 21), 0);
            return;
        }
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if ((what & BEV_EVENT_CONNECTED) == 0) {
        hang_up(arg);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int len, void *arg)
{
    struct fake_redis *redis = arg;
    struct peer *peer = &redis->peers[redis->peer_count++];

    (void)listener;
    (void)from;
    (void)len;
    assert_true(redis->peer_count < PEERS_MAX);
    peer->redis = redis;
    peer->reader = redisReaderCreate();
    peer->bev =
        redis->options.tls == NULL
            ? bufferevent_socket_new(redis->options.base, fd, BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_openssl_socket_new(redis->options.base, fd, SSL_new(redis->options.tls),
                                             BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(peer->bev);
    bufferevent_setcb(peer->bev, on_command, NULL, on_event, peer);
    assert_int_equal(bufferevent_enable(peer->bev, EV_READ | EV_WRITE), 0);
}

static void listen_at(struct fake_redis *redis, struct sockaddr *address, int len)
{
    redis->listener = evconnlistener_new_bind(
        redis->options.base, on_accept, redis,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 8, address, len);
    assert_non_null(redis->listener);
}

struct fake_redis *fake_redis_start(const struct fake_redis_options *options)
{
    struct fake_redis *redis = calloc(1, sizeof(*redis));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons(options->port)};
    socklen_t len = sizeof(address);

    assert_non_null(redis);
    redis->options = *options;
    if (options->unix_path != NULL) {
        redis->unix_address.sun_family = AF_UNIX;
        assert_int_equal(text_copy(redis->unix_address.sun_path,
                                   sizeof(redis->unix_address.sun_path), options->unix_path),
                         ERR_OK);
        listen_at(redis, (struct sockaddr *)&redis->unix_address, sizeof(redis->unix_address));
        return redis;
    }
    listen_at(redis, (struct sockaddr *)&address, sizeof(address));
    assert_int_equal(
        getsockname(evconnlistener_get_fd(redis->listener), (struct sockaddr *)&address, &len), 0);
    redis->port = ntohs(address.sin_port);
    return redis;
}

uint16_t fake_redis_port(const struct fake_redis *redis)
{
    return redis->port;
}

size_t fake_redis_connects(const struct fake_redis *redis)
{
    return redis->peer_count;
}

void fake_redis_push(struct fake_redis *redis, const char *text)
{
    for (size_t i = 0; i < redis->peer_count; i++) {
        if (redis->peers[i].bev != NULL) {
            assert_int_equal(bufferevent_write(redis->peers[i].bev, text, strlen(text)), 0);
        }
    }
}

void fake_redis_stop(struct fake_redis *redis)
{
    if (redis == NULL) {
        return;
    }
    evconnlistener_free(redis->listener);
    if (redis->unix_address.sun_path[0] != '\0') {
        (void)unlink(redis->unix_address.sun_path);
    }
    for (size_t i = 0; i < redis->peer_count; i++) {
        hang_up(&redis->peers[i]);
    }
    free(redis);
}
