/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where protobuf-c unpacks to: one block of memory, secret if key bytes may come, handed out from
 * front to back and given back as a whole. So key bytes lie nowhere else, and a peer cannot make a
 * message grow without bound while it is taken apart: when the block is full, the message is
 * refused.
 */
#ifndef STEK_WIRE_PB_ARENA_H
#define STEK_WIRE_PB_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/err.h"

struct pb_arena {
    ProtobufCAllocator allocator; /* points back at this arena, which therefore must not move */
    uint8_t *block;               /* owned; secret memory unless is_plain */
    bool is_plain;
    size_t size;
    size_t used;
};

/* Makes room for taking apart a message of `message_len` bytes; `is_plain`: one that can hold no
 * key byte. ERR_NOMEM. */
enum err pb_arena_init(struct pb_arena *arena, size_t message_len, bool is_plain) MUST_USE;
/* Wipes and frees all that was unpacked. Safe on {0} and twice. */
void pb_arena_fini(struct pb_arena *arena);

#endif
