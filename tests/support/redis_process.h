/* SPDX-License-Identifier: Apache-2.0 */
/* A real redis-server in a folder of its own, on a Unix socket only, stopped by its pid. */
#ifndef STEK_TESTS_SUPPORT_REDIS_PROCESS_H
#define STEK_TESTS_SUPPORT_REDIS_PROCESS_H

#include <sys/types.h>

struct redisContext;

struct redis_process {
    char folder[64];
    char socket[96];
    pid_t pid;
};

/* Returns once it answers; aborts if it does not within 10 s. `arguments` end with NULL. */
void redis_process_start(struct redis_process *process, const char *const *arguments);
/* Kills it and removes its folder. */
void redis_process_stop(struct redis_process *process);
/* A connection of the test's own; freed with redisFree(). */
struct redisContext *redis_process_connect(const struct redis_process *process);

#endif
