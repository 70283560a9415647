/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of one daemon work with, and what the room counts. Built by app/. */
#ifndef STEKD_SERVE_SERVICES_H
#define STEKD_SERVE_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "host/timers.h"
#include "ops/log.h"
#include "ops/log_limit.h"
#include "replica/hub.h"
#include "rotate/rotator.h"
#include "serve/authz.h"
#include "wire/h2_session.h"

struct health;

#define SERVE_METHODS_MAX 32 /* rows of the router, and one for what it does not know */
#define SERVE_STATUSES    17 /* gRPC's numbers */

/* Why a TLS connection did not come about: name, text for metrics and logs. */
#define HANDSHAKE_FAILURE_MAP(X)                                                                   \
    X(HANDSHAKE_EXPIRED, "expired")                                                                \
    X(HANDSHAKE_UNKNOWN_CA, "unknown_ca")                                                          \
    X(HANDSHAKE_REVOKED, "revoked")                                                                \
    X(HANDSHAKE_NO_CERTIFICATE, "no_certificate")                                                  \
    X(HANDSHAKE_BAD_PURPOSE, "bad_purpose")                                                        \
    X(HANDSHAKE_BAD_NAMES, "bad_names")                                                            \
    X(HANDSHAKE_BAD_CERTIFICATE, "bad_certificate") /* any other fault of it */                    \
    X(HANDSHAKE_NO_H2, "no_h2")                                                                    \
    X(HANDSHAKE_OLD_TLS, "old_tls")                                                                \
    X(HANDSHAKE_NOT_TLS, "not_tls")                                                                \
    X(HANDSHAKE_REFUSED_US, "refused_by_peer")                                                     \
    X(HANDSHAKE_LEFT, "left") /* the peer closed before anything was decided */                    \
    X(HANDSHAKE_TIMED_OUT, "timed_out")                                                            \
    X(HANDSHAKE_EVICTED, "evicted") /* too many at once: the oldest had to go */                   \
    X(HANDSHAKE_OTHER, "other")

enum handshake_failure {
#define HANDSHAKE_FAILURE_ENUM(name, text) name,
    HANDSHAKE_FAILURE_MAP(HANDSHAKE_FAILURE_ENUM)
#undef HANDSHAKE_FAILURE_ENUM
};
#define HANDSHAKE_FAILURES (HANDSHAKE_OTHER + 1)

struct serve_stats {
    uint32_t connections; /* open now */
    uint32_t strangers;   /* of them, of peers whom no rule names */
    uint32_t handshakes;  /* TCP connections whose peer is not known yet; in no other number */
    uint64_t handshakes_done;
    uint64_t handshakes_failed[HANDSHAKE_FAILURES];
    uint64_t rechecks_closed; /* open connections ended: certificate, trust or rules changed */
    uint64_t rechecks_ended;  /* open calls ended, on connections that stayed */
    uint64_t accepted;
    uint64_t refused;            /* accepted, but could not be set up */
    uint64_t strangers_refused;  /* of them, for there were too many strangers */
    uint64_t descriptors_gone;   /* times accepting had to stop for want of descriptors */
    uint64_t limit_reached;      /* times accepting had to stop at the connection limit */
    uint64_t handshake_timeouts; /* no request in time */
    uint64_t idle_timeouts;
    uint64_t stall_timeouts; /* the peer did not read */
    uint64_t drain_timeouts;
    uint64_t protocol_errors;
    uint64_t unread;                /* messages of watches left out: the one before was not taken */
    uint64_t refusals[H2_REFUSALS]; /* of streams, requests and messages, before any method */
    uint64_t calls;
    uint64_t calls_denied;
    uint64_t calls_unknown; /* no such method */
    /* By the method's place in the router (router_method_count(): unknown) and the gRPC status; a
     * call that the peer has given up is CANCELLED. */
    uint64_t calls_ended[SERVE_METHODS_MAX][SERVE_STATUSES];
};

/* Lines a peer can cause as often as it likes. [true]: by peers whom some rule names, so that the
 * noise of strangers hides nothing about them. */
struct serve_lines {
    struct log_limit denied[2];
    struct log_limit audited[2]; /* acts that were denied */
    struct log_limit broken[2];
    struct log_limit refused[2];
    struct log_limit handshakes[HANDSHAKE_FAILURES];
};

/* What is wrong with the daemon as a whole, one sentence each. */
#define SERVICE_PROBLEMS_MAX 16
struct service_problems {
    struct errbuf at[SERVICE_PROBLEMS_MAX];
    size_t count;
};

struct service_problem_source {
    void (*collect)(void *ctx, struct service_problems *out); /* adds to `out`; NULL: nothing */
    void *ctx;
};

struct service_realm {
    const char *realm;
    struct rotator *rotator;
};

/* Everything is borrowed: it outlives every connection. */
struct services {
    struct hub *hub;
    struct health *health;
    const struct service_realm *realms;
    size_t realm_count;
    const struct authz_rules *rules;
    const struct clock *clock;
    const struct timers *timers;
    struct log *log;
    struct serve_lines *lines;
    struct serve_stats *stats;
    const char *version;
    const char *deployment;
    const char *store_type;
    int64_t started_ms;
    struct service_problem_source problems;
};

bool services_have_realm(const struct services *services, const char *realm);
/* NULL when there is no such realm. */
struct rotator *services_find_rotator(const struct services *services, const char *realm);

#endif
