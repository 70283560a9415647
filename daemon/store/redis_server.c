/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_server.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ssl.h>

#include "base/text.h"

enum err redis_endpoint_init(struct redis_endpoint *at, const char *unix_path, const char *host,
                             uint16_t port)
{
    *at = (struct redis_endpoint){.port = port};
    if (unix_path != NULL) {
        return text_copy(at->unix_path, sizeof(at->unix_path), unix_path);
    }
    return text_copy(at->host, sizeof(at->host), host);
}

bool redis_endpoint_equals(const struct redis_endpoint *one, const struct redis_endpoint *other)
{
    return one->port == other->port && strcmp(one->host, other->host) == 0 &&
           strcmp(one->unix_path, other->unix_path) == 0;
}

void redis_endpoint_format(const struct redis_endpoint *at, char text[REDIS_ENDPOINT_TEXT])
{
    const bool is_v6 = strchr(at->host, ':') != NULL;

    if (at->unix_path[0] != '\0') {
        (void)snprintf(text, REDIS_ENDPOINT_TEXT, "unix:%s", at->unix_path);
    } else {
        (void)snprintf(text, REDIS_ENDPOINT_TEXT, "%s%s%s:%u", is_v6 ? "[" : "", at->host,
                       is_v6 ? "]" : "", (unsigned)at->port);
    }
}

enum err redis_server_init(struct redis_server *server, const struct redis_address *address)
{
    const char *host = address->host == NULL ? "" : address->host;
    enum err rc = redis_endpoint_init(&server->at, address->unix_path, host, address->port);

    if (rc == ERR_OK && address->username != NULL) {
        rc = text_copy(server->username, sizeof(server->username), address->username);
    }
    if (rc == ERR_OK && address->password.len > REDIS_SERVER_PASSWORD_MAX) {
        rc = ERR_LIMIT;
    }
    if (rc == ERR_OK && address->password.len > 0) {
        rc = secret_buf_append(&server->password, address->password.at, address->password.len);
    }
    return rc;
}

void redis_server_set_tls(struct redis_server *server, SSL_CTX *tls)
{
    if (tls != NULL) {
        (void)SSL_CTX_up_ref(tls); /* fails only for a count that is not sound */
    }
    SSL_CTX_free(server->tls);
    server->tls = tls;
}

void redis_server_fini(struct redis_server *server)
{
    secret_buf_fini(&server->password);
    SSL_CTX_free(server->tls);
    server->tls = NULL;
}
