/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error codes and the sentence that travels with them.
 *
 * Codes say what a caller may do next (retry, give up, ask somebody); the sentence in the
 * struct errbuf says what, where and what to do, for a person. Whoever fails first writes the
 * sentence; callers only prefix context. core/ and client-lib/ never log.
 */
#ifndef STEK_BASE_ERR_H
#define STEK_BASE_ERR_H

#define MUST_USE __attribute__((warn_unused_result))

/* code, short text */
#define ERR_MAP(X)                                                                                 \
    X(ERR_OK, "ok")                                                                                \
    X(ERR_INVALID, "invalid input")                                                                \
    X(ERR_NOMEM, "out of memory")                                                                  \
    X(ERR_IO, "input/output error")                                                                \
    X(ERR_CRYPTO, "cryptographic operation failed")                                                \
    X(ERR_CONFLICT, "somebody else changed it first")                                              \
    X(ERR_UNAVAILABLE, "not available now")                                                        \
    X(ERR_TIMEOUT, "timed out")                                                                    \
    X(ERR_DENIED, "not allowed")                                                                   \
    X(ERR_NOT_FOUND, "not found")                                                                  \
    X(ERR_REFUSED, "refused in the present state")                                                 \
    X(ERR_LIMIT, "a limit was reached")                                                            \
    X(ERR_PROTOCOL, "the peer broke the protocol")                                                 \
    X(ERR_CANCELLED, "cancelled")                                                                  \
    X(ERR_UNSUPPORTED, "not in this version")

enum err {
#define ERR_ENUM(code, text) code,
    ERR_MAP(ERR_ENUM)
#undef ERR_ENUM
};

/* A short constant text for `code`; never NULL. */
const char *err_text(enum err code);

/* Room for one sentence. Truncated, never overrun; always NUL terminated once set. */
struct errbuf {
    char text[384];
};

/* Replaces the sentence. `why` may be NULL: then nothing happens. */
void errbuf_set(struct errbuf *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "<prefix>: " before the sentence already there. `why` may be NULL. */
void errbuf_prefix(struct errbuf *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
