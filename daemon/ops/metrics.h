/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms have counted, as Prometheus text (format 0.0.4). Pure: facts in, text out; app/
 * collects the facts. Names follow prometheus.io/docs/practices/naming; times are Unix seconds, so
 * that ages are left to the query. There is no field a key byte could be put into.
 */
#ifndef STEKD_OPS_METRICS_H
#define STEKD_OPS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* How many keys of a realm are in one state: "next", "active", ... */
struct metrics_keys {
    const char *state;
    uint32_t count;
};

struct metrics_realm {
    const char *realm;
    bool is_ready;
    bool is_suspect;
    bool policy_differs;
    bool is_store_up;
    bool has_active;
    int64_t active_from_ms;   /* if has_active */
    int64_t next_rotation_ms; /* 0: none is scheduled */
    int64_t rotate_every_ms;
    uint64_t rotations;
    uint32_t watchers;
    uint32_t watchers_current;
    uint64_t puts;
    uint64_t conflicts;
    uint64_t put_failures;
    uint64_t heals;
    uint64_t records_refused;
    uint64_t keys_created;
    const struct metrics_keys *keys;
    size_t keys_count;
};

/* Calls that ended, by gRPC method and status. */
struct metrics_calls {
    const char *method; /* "stek.v1.KeyService/GetKeyring" */
    const char *status; /* "OK" */
    uint64_t count;
};

/* One of several numbers of a kind, told apart by a label. */
struct metrics_count {
    const char *label;
    uint64_t count;
};

/* What a TLS context was made from, and until when it is good; INT64_MAX: it has none. */
struct metrics_context {
    char name[24]; /* "listen[0]", "store" */
    int64_t not_after_ms;
    int64_t crl_until_ms;
};

/* Everything is borrowed during the call. */
struct metrics_facts {
    const char *version;
    const char *store_type;
    int64_t started_ms;
    uint32_t connections;
    uint64_t connections_accepted;
    uint64_t connections_refused;
    uint32_t handshakes;             /* TCP connections whose peer is not known yet */
    uint64_t connections_cut;        /* by a certificate's end, or changed trust or rules */
    uint64_t calls_cut;              /* likewise, on connections that stayed */
    const struct metrics_count *tls; /* how handshakes ended */
    size_t tls_count;
    const struct metrics_count *limits; /* how often each was reached */
    size_t limit_count;
    const struct metrics_count *refusals; /* of requests, before any method saw them */
    size_t refusal_count;
    uint64_t denied;
    uint64_t log_lines_dropped;
    const struct metrics_count *http; /* how requests to this page ended; none: there is no page */
    size_t http_count;
    uint64_t reloads_done;
    uint64_t reloads_failed;
    int64_t reload_last_ms; /* 0: there was none */
    bool reload_is_good;
    const struct metrics_context *contexts;
    size_t context_count;
    bool has_redis;
    bool is_redis_up;
    const struct metrics_count *redis; /* what happened on the way to it */
    size_t redis_count;
    const struct metrics_realm *realms;
    size_t realm_count;
    const struct metrics_calls *calls;
    size_t call_count;
};

void metrics_print(FILE *to, const struct metrics_facts *facts);

#endif
