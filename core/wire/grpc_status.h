/* SPDX-License-Identifier: Apache-2.0 */
/* enum err <-> grpc-status, and the percent-encoding of grpc-message (gRPC over HTTP/2 spec). */
#ifndef STEK_WIRE_GRPC_STATUS_H
#define STEK_WIRE_GRPC_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

enum grpc_status grpc_status_from_err(enum err code);
/* Numbers above 16 become ERR_PROTOCOL. */
enum err grpc_status_to_err(unsigned int status);
/* "UNAVAILABLE" and so on; "?" above 16. */
const char *grpc_status_name(unsigned int status);

/* Percent-encodes everything outside 0x20..0x7E and '%'. Truncates at a whole unit when `out` is
 * too small; always NUL terminated; returns the length. cap >= 1. */
size_t grpc_message_encode(const char *text, char *out, size_t cap);
/* The reverse, tolerant: a broken escape is kept as it is; control bytes become '?', so that the
 * result may be printed on a terminal. */
size_t grpc_message_decode(const char *encoded, size_t len, char *out, size_t cap);

/* "3S", "2950m", ... (at most 8 digits, unit H M S m u n) to milliseconds, rounded up.
 * ERR_INVALID when it is not of that form. */
enum err grpc_timeout_parse(const char *text, size_t len, int64_t *out_ms) MUST_USE;
/* The shortest exact form in milliseconds or seconds. `out` takes 16 bytes. */
void grpc_timeout_format(int64_t timeout_ms, char out[16]);

#endif
