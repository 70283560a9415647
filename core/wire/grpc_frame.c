/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc_frame.h"

#include <string.h>

void grpc_assembler_init(struct grpc_assembler *a, size_t max_message)
{
    *a = (struct grpc_assembler){.max_message = max_message};
}

void grpc_assembler_fini(struct grpc_assembler *a)
{
    secret_buf_fini(&a->buf);
    *a = (struct grpc_assembler){.max_message = a->max_message};
}

/* The message length at `at`, where a whole prefix is. */
static size_t announced_at(const struct grpc_assembler *a, size_t at)
{
    struct reader r;
    reader_init(&r, a->buf.at + at + 1, GRPC_PREFIX_LEN - 1);
    return reader_u32be(&r);
}

/* Looks at each prefix once, as soon as it is whole, so that a message is refused by its first
 * five bytes and not after it was gathered. */
static enum err check_prefixes(struct grpc_assembler *a)
{
    while (a->buf.len >= a->checked && a->buf.len - a->checked >= GRPC_PREFIX_LEN) {
        const size_t len = announced_at(a, a->checked);
        if (a->buf.at[a->checked] != 0) {
            return ERR_UNSUPPORTED;
        }
        if (len > a->max_message) {
            return ERR_LIMIT;
        }
        a->checked += GRPC_PREFIX_LEN + len;
    }
    return ERR_OK;
}

/* Wipes the message handed out last. An empty buffer is given back: most streams are idle. */
static void release_ready(struct grpc_assembler *a)
{
    secret_buf_consume(&a->buf, a->ready);
    a->checked -= a->ready;
    a->ready = 0;
    if (a->buf.len == 0) {
        secret_buf_fini(&a->buf);
    }
}

enum err grpc_assembler_feed(struct grpc_assembler *a, struct slice bytes)
{
    if (a->ready > 0) {
        release_ready(a);
    }
    const enum err rc = secret_buf_append(&a->buf, bytes.at, bytes.len);
    return rc == ERR_OK ? check_prefixes(a) : rc;
}

bool grpc_assembler_next(struct grpc_assembler *a, struct slice *out_message)
{
    if (a->ready > 0) {
        release_ready(a);
    }
    if (a->buf.len < GRPC_PREFIX_LEN) {
        return false;
    }
    const size_t len = announced_at(a, 0);
    /* Not whole yet, or refused by check_prefixes(), which went no further. */
    if (a->buf.len - GRPC_PREFIX_LEN < len || a->checked < GRPC_PREFIX_LEN + len) {
        return false;
    }
    a->ready = GRPC_PREFIX_LEN + len;
    *out_message = (struct slice){a->buf.at + GRPC_PREFIX_LEN, len};
    return true;
}

bool grpc_assembler_is_partial(const struct grpc_assembler *a)
{
    return a->buf.len > a->ready;
}

enum err grpc_frame_append(struct secret_buf *out, struct slice message)
{
    uint8_t prefix[GRPC_PREFIX_LEN];
    struct writer w;

    if (message.len > UINT32_MAX) {
        return ERR_LIMIT;
    }
    /* Room for both first, so that a failure leaves no lone prefix. */
    const enum err rc = secret_buf_reserve(out, GRPC_PREFIX_LEN + message.len);
    if (rc != ERR_OK) {
        return rc;
    }
    writer_init(&w, prefix, sizeof(prefix));
    writer_u8(&w, 0);
    writer_u32be(&w, (uint32_t)message.len);
    memcpy(out->at + out->len, prefix, sizeof(prefix));
    if (message.len > 0) {
        memcpy(out->at + out->len + sizeof(prefix), message.at, message.len);
    }
    out->len += sizeof(prefix) + message.len;
    return ERR_OK;
}
