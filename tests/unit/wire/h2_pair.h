/* SPDX-License-Identifier: Apache-2.0 */
/* A client's and a server's session joined in memory, and a log of what each was told. */
#ifndef STEK_TESTS_WIRE_H2_PAIR_H
#define STEK_TESTS_WIRE_H2_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "wire/h2_session.h"

struct h2_side {
    struct h2_session *session;
    char log[4096]; /* one word an event, separated by spaces; see h2_pair.c */
    /* What to do with a request on the server: NULL only logs. */
    void (*on_request)(struct h2_side *side, int32_t stream, const struct h2_request *request);
    void (*on_message)(struct h2_side *side, int32_t stream, struct slice message);
    void (*on_half_closed)(struct h2_side *side, int32_t stream);
    void (*on_closed)(struct h2_side *side, int32_t stream);
    size_t message_bytes;
    size_t messages;
    enum grpc_status status; /* of the stream closed last */
    size_t closed;
    int64_t timeout_ms; /* of the last request */
    size_t refusals[H2_REFUSALS];
};

struct h2_pair {
    struct h2_side client;
    struct h2_side server;
};

void h2_pair_init(struct h2_pair *pair, const struct h2_limits *client,
                  const struct h2_limits *server);
void h2_pair_fini(struct h2_pair *pair);

/* Carries bytes both ways until neither has any. */
void h2_pair_run(struct h2_pair *pair);
/* One way, in pieces of `piece` bytes (0: as they come), at most `max` bytes (0: all). Returns how
 * many bytes went. */
size_t h2_pair_carry(struct h2_side *from, struct h2_side *to, size_t piece, size_t max);

int32_t h2_pair_call(struct h2_pair *pair, const char *path);
void h2_pair_send(struct h2_side *side, int32_t stream, const char *text);
void h2_side_assert_log(struct h2_side *side, const char *want); /* and empties it */

/* A server handler for on_message: sends the message back. */
void h2_side_echo(struct h2_side *side, int32_t stream, struct slice message);
/* A server handler for on_half_closed: finishes with OK. */
void h2_side_finish_ok(struct h2_side *side, int32_t stream);

/* One side alone, for bytes made by hand. */
void h2_side_init(struct h2_side *side, enum h2_role role, const struct h2_limits *limits);
void h2_side_fini(struct h2_side *side);

#endif
