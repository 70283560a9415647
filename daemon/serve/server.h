/* SPDX-License-Identifier: Apache-2.0 */
/* The listeners and connections of one daemon, their number, and how they end. */
#ifndef STEKD_SERVE_SERVER_H
#define STEKD_SERVE_SERVER_H

#include <stdint.h>

#include "base/err.h"
#include "serve/connection.h"
#include "serve/services.h"

struct server;

#define SERVER_CONNECTIONS_MAX 1024
#define SERVER_STRANGERS_MAX   32

struct server_options {
    struct event_base *base;         /* borrowed until server_free() */
    const struct services *services; /* likewise */
    struct connection_limits limits;
    uint32_t connections_max; /* more wait in the kernel's queue */
    uint32_t strangers_max;   /* of peers whom no rule names; more are closed at once */
};

enum err server_new(const struct server_options *options, struct server **out_server) MUST_USE;
/* Closes everything at once. NULL allowed. */
void server_free(struct server *server);

enum err server_listen(struct server *server, const char *path, uint32_t mode,
                       struct errbuf *why) MUST_USE;

/* Stops listening, says NOT_SERVING, ends watches, lets calls finish; `done` is called once, from
 * the loop, when the last connection is gone. */
void server_drain(struct server *server, void (*done)(void *ctx), void *ctx);

#endif
