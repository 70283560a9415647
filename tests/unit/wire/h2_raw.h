/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 frames made and read by hand, for what our own sessions would never send. */
#ifndef STEK_TESTS_WIRE_H2_RAW_H
#define STEK_TESTS_WIRE_H2_RAW_H

#include <stddef.h>
#include <stdint.h>

#include "base/secret.h"
#include "wire/h2_session.h"

enum { RAW_DATA = 0, RAW_HEADERS = 1, RAW_RST = 3, RAW_SETTINGS = 4, RAW_PING = 6, RAW_GOAWAY = 7 };
enum { RAW_END_STREAM = 1, RAW_END_HEADERS = 4 };

/* The connection preface with empty SETTINGS (client), or only the SETTINGS (server). */
void h2_raw_hello(struct secret_buf *out, enum h2_role as);
void h2_raw_frame(struct secret_buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                  const void *payload, size_t len);
/* "name: value\n" lines as one HEADERS frame with END_HEADERS and `flags`. */
void h2_raw_headers(struct secret_buf *out, uint32_t stream, uint8_t flags, const char *lines);
/* A request's usual lines: POST, path /a/B, gRPC. */
extern const char h2_raw_request[];

/* All frames in `bytes` as text: "HEADERS(1) :status: 200; grpc-status: 12; END | RST(1) 0 | ..."
 * SETTINGS, WINDOW_UPDATE and PING are left out. Header blocks are decoded with one table for all
 * of them. */
void h2_raw_describe(struct slice bytes, char *out, size_t cap);

#endif
