/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Sentinels of one master, and what they and ROLE say. Pure: who connects to them is in
 * redis_ask.h and redis_watch.h.
 *
 * All are asked in a ring that begins with `first`: the one that answered last, as long as its
 * answers lead to a master. What a Sentinel says is a peer's word: every length, type and number is
 * checked, and where it leads has to prove itself (TLS name, AUTH, ROLE).
 */
#ifndef STEKD_STORE_REDIS_SENTINELS_H
#define STEKD_STORE_REDIS_SENTINELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "store/redis_server.h"

#define REDIS_SENTINELS_MAX 16
#define REDIS_MASTER_MAX    63 /* bytes of a master's name */

struct redisReply;

/* What to copy. */
struct redis_sentinel_options {
    const char *master;             /* NULL: no Sentinel */
    const struct redis_address *at; /* host and port of each; the rest is not looked at */
    size_t count;
};

/* Starts as {0}. */
struct redis_sentinels {
    char master[REDIS_MASTER_MAX + 1];
    struct redis_endpoint *at; /* owned */
    size_t count;              /* 0: no Sentinel */
    size_t first;
};

/* ERR_NOMEM; ERR_LIMIT: a text is too long, too many or none. Call redis_sentinels_fini() either
 * way. */
enum err redis_sentinels_init(struct redis_sentinels *sentinels,
                              const struct redis_sentinel_options *options) MUST_USE;
void redis_sentinels_fini(struct redis_sentinels *sentinels);

/* This one answered: it is asked first from now on. */
void redis_sentinels_prefer(struct redis_sentinels *sentinels, size_t index);
/* Its answer led to no master: somebody else is asked first, if it was the first. */
void redis_sentinels_distrust(struct redis_sentinels *sentinels, size_t index);

/* SENTINEL get-master-addr-by-name. ERR_NOT_FOUND: it knows no such master. ERR_PROTOCOL: no
 * answer to that. Else as the error it sent. With a sentence. */
enum err redis_sentinels_read_master(const struct redisReply *reply, const char *master,
                                     struct redis_endpoint *out_at, struct errbuf *why) MUST_USE;
/* The message of `+switch-master`: "name old-ip old-port new-ip new-port". False: of another
 * master, or no such message. */
bool redis_sentinels_read_switch(const char *message, const char *master,
                                 struct redis_endpoint *out_at);
/* ROLE. ERR_OK: it is a master. ERR_UNAVAILABLE: it is not. Else as the error it sent. */
enum err redis_sentinels_read_role(const struct redisReply *reply, struct errbuf *why) MUST_USE;

#endif
