/* SPDX-License-Identifier: Apache-2.0 */
/* Where Redis is, and as whom we go there: an owned copy. */
#ifndef STEKD_STORE_REDIS_SERVER_H
#define STEKD_STORE_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define REDIS_SERVER_PATH_MAX     107 /* sockaddr_un.sun_path without its NUL */
#define REDIS_SERVER_HOST_MAX     255
#define REDIS_SERVER_USERNAME_MAX 255
#define REDIS_SERVER_PASSWORD_MAX 512
#define REDIS_ENDPOINT_TEXT       (REDIS_SERVER_HOST_MAX + 16) /* with its NUL */

struct redis_endpoint {
    char unix_path[REDIS_SERVER_PATH_MAX + 1]; /* "": TCP */
    char host[REDIS_SERVER_HOST_MAX + 1];      /* a number or a name */
    uint16_t port;
};

/* ERR_LIMIT: too long. `unix_path` NULL: host and port. */
enum err redis_endpoint_init(struct redis_endpoint *at, const char *unix_path, const char *host,
                             uint16_t port) MUST_USE;
bool redis_endpoint_equals(const struct redis_endpoint *one, const struct redis_endpoint *other);
/* "unix:/path", "host:port" or "[v6]:port". */
void redis_endpoint_format(const struct redis_endpoint *at, char text[REDIS_ENDPOINT_TEXT]);

/* What to copy. */
struct redis_address {
    const char *unix_path; /* NULL: TCP */
    const char *host;      /* a number or a name; NULL with Sentinel, which is asked for both */
    uint16_t port;
    const char *username;  /* NULL: the default user */
    struct slice password; /* empty: no AUTH */
};

/* Starts as {0}. */
struct redis_server {
    struct redis_endpoint at;                     /* without Sentinel */
    char username[REDIS_SERVER_USERNAME_MAX + 1]; /* "": the default user */
    struct secret_buf password;
    SSL_CTX *tls; /* owned reference, or NULL; never used on a Unix socket */
};

/* ERR_NOMEM; ERR_LIMIT: something is too long. Call redis_server_fini() either way. */
enum err redis_server_init(struct redis_server *server,
                           const struct redis_address *address) MUST_USE;
/* From the next connection on; before the first call and for NULL: none. Takes a reference. */
void redis_server_set_tls(struct redis_server *server, SSL_CTX *tls);
void redis_server_fini(struct redis_server *server);

#endif
