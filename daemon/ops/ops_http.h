/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics, /healthz and /readyz over HTTP/1.1, for scrapers and probes of this machine: loopback
 * addresses only, since nobody is asked who they are; GET and HEAD only; one request a connection.
 * What a peer can make us hold has a limit each: connections, header bytes, no body, and a time
 * from accept to end that slow peers cannot stretch. By hand over bufferevents, for evhttp of
 * libevent 2.1 can promise neither the first nor the last (docs/decisions/0013).
 *
 * /healthz  200 "ok": the loop turns.
 * /readyz   200 "ready", or 503 and the reason.
 */
#ifndef STEKD_OPS_OPS_HTTP_H
#define STEKD_OPS_OPS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "ops/metrics.h"

struct event_base;
struct ops_http;

#define OPS_HTTP_CONNECTIONS_MAX 32
#define OPS_HTTP_HEADERS_MAX     8192 /* bytes, request line included */
#define OPS_HTTP_TIMEOUT_MS      INT64_C(10000)
#define OPS_HTTP_RESULTS         10

struct ops_http_options {
    struct event_base *base; /* borrowed until ops_http_free() */
    const char *address;     /* 127.x.y.z or ::1; copied */
    uint16_t port;           /* 0: the kernel picks one (tests) */
    int64_t timeout_ms;      /* of a connection, all in all */
    void (*print_metrics)(void *ctx, FILE *to);
    /* Writes the reason unless ready. */
    bool (*is_ready)(void *ctx, char *why, size_t cap);
    void *ctx; /* borrowed, likewise */
};

/* ERR_INVALID: not a loopback address. ERR_IO: cannot listen there. With a sentence, either. */
enum err ops_http_new(const struct ops_http_options *options, struct ops_http **out_http,
                      struct errbuf *why) MUST_USE;
/* No callback afterwards; the sockets close on the loop's next turn. NULL allowed. */
void ops_http_free(struct ops_http *http);

uint16_t ops_http_port(const struct ops_http *http);
/* Connections that have ended, by how: "ok" "unavailable" "bad_request" "bad_method" "not_found"
 * "too_large" "no_memory" by what was answered, "timed_out" and "left" without an answer, "refused"
 * because OPS_HTTP_CONNECTIONS_MAX were open. Labels are constants. */
size_t ops_http_counts(const struct ops_http *http, struct metrics_count out[OPS_HTTP_RESULTS]);

#endif
