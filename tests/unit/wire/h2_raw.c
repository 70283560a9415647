/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "base/bytes.h"

const char h2_raw_request[] = ":method: POST\n:scheme: http\n:path: /a/B\n:authority: h\n"
                              "te: trailers\ncontent-type: application/grpc\n";

void h2_raw_frame(struct secret_buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                  const void *payload, size_t len)
{
    uint8_t head[9];
    struct writer w;
    writer_init(&w, head, sizeof(head));
    writer_u8(&w, (uint8_t)(len >> 16));
    writer_u16be(&w, (uint16_t)len);
    writer_u8(&w, type);
    writer_u8(&w, flags);
    writer_u32be(&w, stream);
    assert_int_equal(secret_buf_append(out, head, sizeof(head)), ERR_OK);
    assert_int_equal(secret_buf_append(out, payload, len), ERR_OK);
}

void h2_raw_hello(struct secret_buf *out, enum h2_role as)
{
    if (as == H2_CLIENT) {
        assert_int_equal(secret_buf_append(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24), ERR_OK);
    }
    h2_raw_frame(out, RAW_SETTINGS, 0, 0, NULL, 0);
}

/* A string literal of HPACK without Huffman (RFC 7541 section 5.2). */
static void put_string(struct secret_buf *out, const char *text, size_t len)
{
    uint8_t prefix[4];
    size_t used = 0;
    if (len < 127) {
        prefix[used++] = (uint8_t)len;
    } else {
        size_t rest = len - 127;
        prefix[used++] = 127;
        for (; rest >= 128; rest /= 128) {
            prefix[used++] = (uint8_t)(rest % 128 + 128);
        }
        prefix[used++] = (uint8_t)rest;
    }
    assert_int_equal(secret_buf_append(out, prefix, used), ERR_OK);
    assert_int_equal(secret_buf_append(out, text, len), ERR_OK);
}

void h2_raw_headers(struct secret_buf *out, uint32_t stream, uint8_t flags, const char *lines)
{
    struct secret_buf block = {0};
    while (*lines != '\0') {
        const char *colon = strstr(lines + 1, ": ");
        const char *end = strchr(lines, '\n');
        assert_non_null(colon);
        assert_non_null(end);
        assert_int_equal(secret_buf_append(&block, "\0", 1), ERR_OK); /* not indexed */
        put_string(&block, lines, (size_t)(colon - lines));
        put_string(&block, colon + 2, (size_t)(end - colon - 2));
        lines = end + 1;
    }
    h2_raw_frame(out, RAW_HEADERS, flags | RAW_END_HEADERS, stream, block.at, block.len);
    secret_buf_fini(&block);
}

static void say(char *out, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(char *out, size_t cap, const char *format, ...)
{
    const size_t used = strlen(out);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(out + used, cap - used, format, args);
    va_end(args);
}

static void describe_block(nghttp2_hd_inflater *inflater, struct slice block, char *out, size_t cap)
{
    int flags = 0;
    do {
        nghttp2_nv nv;
        const ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.at, block.len, 1);
        assert_true(n >= 0);
        block.at += n;
        block.len -= (size_t)n;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            say(out, cap, " %.*s: %.*s;", (int)nv.namelen, (const char *)nv.name, (int)nv.valuelen,
                (const char *)nv.value);
        }
    } while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0);
    assert_int_equal(nghttp2_hd_inflate_end_headers(inflater), 0);
}

void h2_raw_describe(struct slice bytes, char *out, size_t cap)
{
    nghttp2_hd_inflater *inflater = NULL;
    struct reader r;

    out[0] = '\0';
    assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
    reader_init(&r, bytes.at, bytes.len);
    while (r.len > 0) {
        const uint32_t len = (uint32_t)reader_u8(&r) << 16 | reader_u16be(&r);
        const uint8_t type = reader_u8(&r);
        const uint8_t flags = reader_u8(&r);
        const uint32_t stream = reader_u32be(&r);
        const struct slice payload = {reader_take(&r, len), len};
        const bool ends = (flags & RAW_END_STREAM) != 0;
        assert_false(r.failed);
        const char *gap = out[0] != '\0' ? " | " : "";
        if (type == RAW_HEADERS) {
            say(out, cap, "%sHEADERS(%u)", gap, stream);
            describe_block(inflater, payload, out, cap);
            say(out, cap, "%s", ends ? " END" : "");
        } else if (type == RAW_DATA) {
            say(out, cap, "%sDATA(%u) %u%s", gap, stream, len, ends ? " END" : "");
        } else if (type == RAW_RST || type == RAW_GOAWAY) {
            const size_t skip = type == RAW_GOAWAY ? 4 : 0;
            say(out, cap, "%s%s(%u) %u", gap, type == RAW_RST ? "RST" : "GOAWAY", stream,
                payload.at[skip + 3]);
        }
    }
    nghttp2_hd_inflate_del(inflater);
}
