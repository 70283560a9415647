/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pb_arena.h"

#include <stdlib.h>

#include "base/secret.h"

/* A struct is larger than its wire form: 64-bit numbers, pointers, and protobuf-c's list of the
 * fields it saw. The densest honest message, a status of many idle realms, takes 10 times. */
#define GROWTH 16
#define SPARE  ((size_t)2048) /* the outer structs, for a message of a few bytes */
#define ALIGN  ((size_t)16)

static void *arena_alloc(void *data, size_t size)
{
    struct pb_arena *arena = data;
    const size_t left = arena->size - arena->used;
    if (size > left) {
        return NULL;
    }
    const size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    void *at = arena->block + arena->used;
    arena->used += rounded < left ? rounded : left;
    return at;
}

/* Memory comes back as a whole. */
static void arena_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static uint8_t *alloc_block(size_t size, bool is_plain)
{
    if (is_plain) {
        return malloc(size);
    }
    return secret_alloc(size);
}

enum err pb_arena_init(struct pb_arena *arena, size_t message_len, bool is_plain)
{
    const size_t size = (message_len * GROWTH + SPARE + ALIGN - 1) / ALIGN * ALIGN;
    uint8_t *block = alloc_block(size, is_plain);
    if (block == NULL) {
        return ERR_NOMEM;
    }
    *arena = (struct pb_arena){
        .allocator = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena},
        .block = block,
        .is_plain = is_plain,
        .size = size,
    };
    return ERR_OK;
}

void pb_arena_fini(struct pb_arena *arena)
{
    if (arena->is_plain) {
        free(arena->block);
    } else {
        secret_free(arena->block);
    }
    *arena = (struct pb_arena){0};
}
