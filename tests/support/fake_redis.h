/* SPDX-License-Identifier: Apache-2.0 */
/* A server in the test's own loop that takes Redis commands and answers whatever the test wants, as
 * wrong as it wants: on a Unix socket or on TCP, with TLS or without. Everything asserts. */
#ifndef STEK_TESTS_SUPPORT_FAKE_REDIS_H
#define STEK_TESTS_SUPPORT_FAKE_REDIS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

struct event_base;
struct fake_redis;

struct fake_redis_options {
    struct event_base *base;
    const char *unix_path; /* NULL: 127.0.0.1 */
    uint16_t port;         /* TCP: 0: the kernel's choice */
    SSL_CTX *tls;          /* NULL: none; borrowed */
    /* The answer to one command, borrowed until the next call; NULL: nothing at all; "" hangs
     * up. */
    const char *(*answer)(void *ctx, size_t argc, const char *const *argv);
    void *ctx;
};

struct fake_redis *fake_redis_start(const struct fake_redis_options *options);
uint16_t fake_redis_port(const struct fake_redis *redis);
/* Connections taken so far. */
size_t fake_redis_connects(const struct fake_redis *redis);
/* Sends this to all who are connected. */
void fake_redis_push(struct fake_redis *redis, const char *text);
/* NULL allowed. */
void fake_redis_stop(struct fake_redis *redis);

#endif
