/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <string.h>

void reader_init(struct reader *r, const void *bytes, size_t len)
{
    r->at = bytes;
    r->len = len;
    r->failed = false;
}

const uint8_t *reader_take(struct reader *r, size_t len)
{
    if (r->failed || len > r->len) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *taken = r->at;
    /* An empty reader may stand on NULL, which no arithmetic is allowed on. */
    if (len > 0) {
        r->at += len;
        r->len -= len;
    }
    return taken;
}

static uint64_t read_be(struct reader *r, size_t width)
{
    const uint8_t *at = reader_take(r, width);
    if (at == NULL) {
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)read_be(r, 1);
}

uint16_t reader_u16be(struct reader *r)
{
    return (uint16_t)read_be(r, 2);
}

uint32_t reader_u32be(struct reader *r)
{
    return (uint32_t)read_be(r, 4);
}

uint64_t reader_u64be(struct reader *r)
{
    return read_be(r, 8);
}

void writer_init(struct writer *w, void *buffer, size_t cap)
{
    w->at = buffer;
    w->cap = cap;
    w->len = 0;
    w->failed = false;
}

void writer_bytes(struct writer *w, const void *bytes, size_t len)
{
    if (w->failed || len > w->cap - w->len) {
        w->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(w->at + w->len, bytes, len);
        w->len += len;
    }
}

static void write_be(struct writer *w, uint64_t value, size_t width)
{
    uint8_t bytes[sizeof(value)];
    for (size_t i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
    writer_bytes(w, bytes, width);
}

void writer_u8(struct writer *w, uint8_t value)
{
    write_be(w, value, 1);
}

void writer_u16be(struct writer *w, uint16_t value)
{
    write_be(w, value, 2);
}

void writer_u32be(struct writer *w, uint32_t value)
{
    write_be(w, value, 4);
}

void writer_u64be(struct writer *w, uint64_t value)
{
    write_be(w, value, 8);
}
