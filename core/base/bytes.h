/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrowed byte ranges, and the bounded reader and writer that are the only pointer arithmetic
 * on outside bytes. A reader or writer that ran past its end stays failed ("sticky"), so a
 * parser may check once at the end.
 */
#ifndef STEK_BASE_BYTES_H
#define STEK_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed: valid as long as what it points into. */
struct slice {
    const uint8_t *at;
    size_t len;
};

struct reader {
    const uint8_t *at;
    size_t len;  /* bytes left */
    bool failed; /* latches: something was asked for that was not there */
};

void reader_init(struct reader *r, const void *bytes, size_t len);
/* Each returns a zero value (and NULL from reader_take) once the reader has failed. */
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16be(struct reader *r);
uint32_t reader_u32be(struct reader *r);
uint64_t reader_u64be(struct reader *r);
/* Borrowed: points into the reader's bytes. */
const uint8_t *reader_take(struct reader *r, size_t len);

struct writer {
    uint8_t *at; /* borrowed: the whole buffer */
    size_t cap;
    size_t len;  /* bytes written */
    bool failed; /* latches: something did not fit; nothing was written past the end */
};

void writer_init(struct writer *w, void *buffer, size_t cap);
void writer_u8(struct writer *w, uint8_t value);
void writer_u16be(struct writer *w, uint16_t value);
void writer_u32be(struct writer *w, uint32_t value);
void writer_u64be(struct writer *w, uint64_t value);
void writer_bytes(struct writer *w, const void *bytes, size_t len);

#endif
