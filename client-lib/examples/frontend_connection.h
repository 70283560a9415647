/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: handshake, request, reply, goodbye, without ever waiting. */
#ifndef STEK_EXAMPLES_FRONTEND_CONNECTION_H
#define STEK_EXAMPLES_FRONTEND_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum step { STEP_HANDSHAKE, STEP_REQUEST, STEP_REPLY, STEP_GOODBYE, STEP_OVER };

struct frontend_connection {
    SSL *ssl;
    int fd;
    short wants; /* for poll() */
    enum step step;
    int64_t deadline_ms; /* it is closed then, whatever it is doing */
    char text[1024];     /* the request, then the reply */
    int len;
};

/* Accepts one. False: another process was faster, or there is no memory. */
bool frontend_connection_open(struct frontend_connection *c, SSL_CTX *ctx, int listener);
void frontend_connection_close(struct frontend_connection *c);
/* As far as it goes without waiting; then `wants` says what for, or it is over. `name` is who
 * answers. */
void frontend_connection_advance(struct frontend_connection *c, const char *name);

/* Of a clock that only goes forward. */
int64_t frontend_now_ms(void);

#endif
