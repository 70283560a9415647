/* SPDX-License-Identifier: Apache-2.0 */
/* The commands a store needs, and what their replies say. */
#ifndef STEKD_STORE_REDIS_COMMANDS_H
#define STEKD_STORE_REDIS_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/redis_link.h"
#include "store/store.h"

#define REDIS_PREFIX_MAX 63
#define REDIS_KEY_MAX    (REDIS_PREFIX_MAX + REALM_NAME_MAX + 16) /* with its NUL */
#define REDIS_SHA1_LEN   20

/* What things are called in this Redis. */
struct redis_names {
    char prefix[REDIS_PREFIX_MAX + 1];
    char channel[REDIS_KEY_MAX];
    char script[2 * REDIS_SHA1_LEN + 1];
};

/* ERR_LIMIT: the prefix is too long. ERR_CRYPTO. */
enum err redis_names_init(struct redis_names *names, const char *prefix) MUST_USE;
/* `prefix:{realm}` */
void redis_names_key(const struct redis_names *names, const char *realm, char key[REDIS_KEY_MAX]);

/* ROLE if asked for, TIME, the record: as many replies. */
enum err redis_commands_load(struct redis_link *link, const struct redis_names *names,
                             const char *realm, bool with_role) MUST_USE;
/* One command; the script by its name, or itself. */
enum err redis_commands_put(struct redis_link *link, const struct redis_names *names,
                            const struct store_op *op, bool is_eval) MUST_USE;

/* False: the reply is something else. */
bool redis_commands_read_time(const struct redisReply *reply, int64_t *out_ms);
bool redis_commands_read_record(const struct redisReply *reply, struct store_result *result);
bool redis_commands_read_put(const struct redisReply *reply, struct store_result *result);

#endif
