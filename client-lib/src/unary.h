/* SPDX-License-Identifier: Apache-2.0 */
/* One blocking gRPC call over a connection of its own: for stekctl, which has nothing else to do
 * meanwhile. libstek itself never blocks. */
#ifndef STEK_SRC_UNARY_H
#define STEK_SRC_UNARY_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

/*
 * Calls `path` ("/package.Service/Method") at `endpoint` ("unix:/path") with one message and waits
 * for the answer, all within `timeout_ms` (> 0). On ERR_OK the reply's message is appended to
 * `reply`; on failure `reply` is untouched and `why` says what happened:
 *   ERR_INVALID, ERR_UNSUPPORTED   the endpoint's text; or the daemon's answer
 *   ERR_UNAVAILABLE                nobody listens there, the connection broke, or UNAVAILABLE
 *   ERR_TIMEOUT                    no answer in time
 *   ERR_PROTOCOL                   what answered does not speak gRPC as agreed
 *   else                           grpc_status_to_err() of the daemon's status, with its message
 */
enum err unary_call(const char *endpoint, const char *path, struct slice request, int timeout_ms,
                    struct secret_buf *reply, struct errbuf *why) MUST_USE;

#endif
