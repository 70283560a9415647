/* SPDX-License-Identifier: Apache-2.0 */
/* A real redis-server in a folder of its own, on a Unix socket and, if asked, on a TLS port of
 * 127.0.0.1; or a Sentinel on a TLS port. Stopped by its pid. */
#ifndef STEK_TESTS_SUPPORT_REDIS_PROCESS_H
#define STEK_TESTS_SUPPORT_REDIS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct cert;
struct redisContext;

struct redis_process {
    char folder[64];
    char socket[96];
    uint16_t tls_port; /* 0: none */
    pid_t pid;
};

/* PEM of both; clients must have a certificate of the same CA. */
struct redis_process_tls {
    const struct cert *ca;
    const struct cert *server;
};

/* Returns once it answers; aborts if it does not within 10 s. `tls` NULL: none. `arguments` end
 * with NULL. */
void redis_process_start(struct redis_process *process, const struct redis_process_tls *tls,
                         const char *const *arguments);
/* The only Sentinel (quorum 1) of master "stek", which listens there. */
void redis_process_start_sentinel(struct redis_process *process,
                                  const struct redis_process_tls *tls,
                                  const struct redis_process *master);
/* Kills it and removes its folder. */
void redis_process_stop(struct redis_process *process);
/* A connection of the test's own; freed with redisFree(). */
struct redisContext *redis_process_connect(const struct redis_process *process);

#endif
