/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC length-prefixed message: u8 compressed flag, u32be length, bytes. DATA frames may
 * split or join messages, so the assembler takes any pieces.
 */
#ifndef STEK_WIRE_GRPC_FRAME_H
#define STEK_WIRE_GRPC_FRAME_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define GRPC_PREFIX_LEN 5

struct grpc_assembler {
    struct secret_buf buf; /* owned */
    size_t max_message;    /* bytes; larger ones are refused before they are buffered */
    size_t ready;          /* bytes of the message handed out last, still at the front */
    size_t checked;        /* where the first prefix not yet judged begins; may lie ahead of buf */
};

void grpc_assembler_init(struct grpc_assembler *a, size_t max_message);
void grpc_assembler_fini(struct grpc_assembler *a);

/* Takes all of `bytes`. ERR_NOMEM. ERR_LIMIT: the announced length exceeds max_message.
 * ERR_UNSUPPORTED: compressed. Any failure is final for this stream. */
enum err grpc_assembler_feed(struct grpc_assembler *a, struct slice bytes) MUST_USE;

/* True and a borrowed message (valid until the next call on `a`) when a whole one is there.
 * Call until false after each feed. */
bool grpc_assembler_next(struct grpc_assembler *a, struct slice *out_message);

/* True when bytes of an unfinished message are held: a stream that ends now was cut off. */
bool grpc_assembler_is_partial(const struct grpc_assembler *a);

/* Appends prefix and message. */
enum err grpc_frame_append(struct secret_buf *out, struct slice message) MUST_USE;

#endif
