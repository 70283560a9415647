/* SPDX-License-Identifier: Apache-2.0 */
/* Where Redis is, and as whom we go there: an owned copy. */
#ifndef STEKD_STORE_REDIS_SERVER_H
#define STEKD_STORE_REDIS_SERVER_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define REDIS_SERVER_PATH_MAX     107 /* sockaddr_un.sun_path without its NUL */
#define REDIS_SERVER_HOST_MAX     255
#define REDIS_SERVER_USERNAME_MAX 255
#define REDIS_SERVER_PASSWORD_MAX 512

/* What to copy. */
struct redis_address {
    const char *unix_path; /* NULL: TCP */
    const char *host;      /* a number or a name */
    uint16_t port;
    const char *username;  /* NULL: the default user */
    struct slice password; /* empty: no AUTH */
};

/* Starts as {0}. */
struct redis_server {
    char unix_path[REDIS_SERVER_PATH_MAX + 1]; /* "": TCP */
    char host[REDIS_SERVER_HOST_MAX + 1];
    uint16_t port;
    char username[REDIS_SERVER_USERNAME_MAX + 1]; /* "": the default user */
    struct secret_buf password;
};

/* ERR_NOMEM; ERR_LIMIT: something is too long. Call redis_server_fini() either way. */
enum err redis_server_init(struct redis_server *server,
                           const struct redis_address *address) MUST_USE;
/* Wipes. */
void redis_server_fini(struct redis_server *server);

#endif
