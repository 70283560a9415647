/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_server.h"

#include "base/text.h"

enum err redis_server_init(struct redis_server *server, const struct redis_address *address)
{
    enum err rc = ERR_OK;

    server->port = address->port;
    if (address->unix_path != NULL) {
        rc = text_copy(server->unix_path, sizeof(server->unix_path), address->unix_path);
    } else {
        rc = text_copy(server->host, sizeof(server->host), address->host);
    }
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

void redis_server_fini(struct redis_server *server)
{
    secret_buf_fini(&server->password);
}
