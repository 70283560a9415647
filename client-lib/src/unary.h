/* SPDX-License-Identifier: Apache-2.0 */
/* One blocking gRPC call over a connection of its own: for stekctl, which has nothing else to do
 * meanwhile. libstek itself never blocks. */
#ifndef STEK_SRC_UNARY_H
#define STEK_SRC_UNARY_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

/* PEM files for "host:port" endpoints; all three or none (NULL). */
struct unary_tls {
    const char *ca;
    const char *certificate;
    const char *key;
};

/* All borrowed during the call. */
struct unary_request {
    const char *endpoint; /* "unix:/path", "host:port" or "[v6 address]:port" */
    struct unary_tls tls;
    const char *path; /* "/package.Service/Method" */
    struct slice message;
    int timeout_ms; /* > 0: for everything, from connecting to the whole answer */
};

/* What can be known to be wrong without asking anybody: the endpoint's text, the files. ERR_INVALID
 * with a sentence. */
enum err unary_check(const char *endpoint, const struct unary_tls *tls,
                     struct errbuf *why) MUST_USE;

/*
 * Calls with one message and waits for the answer. On ERR_OK the reply's message is appended to
 * `reply`; on failure `reply` is untouched and `why` says what happened:
 *   ERR_INVALID       the endpoint's text or the files; or the daemon's answer
 *   ERR_UNAVAILABLE   nobody listens there, who does is not who it should be, the connection broke
 *   ERR_TIMEOUT       no answer in time
 *   ERR_DENIED        the daemon refuses our certificate, or the call
 *   ERR_REFUSED       a living daemon says UNAVAILABLE or FAILED_PRECONDITION
 *   ERR_PROTOCOL      what answered does not speak gRPC as agreed
 *   else              grpc_status_to_err() of the daemon's status, with its message
 */
enum err unary_call(const struct unary_request *request, struct secret_buf *reply,
                    struct errbuf *why) MUST_USE;

#endif
