/* SPDX-License-Identifier: Apache-2.0 */
/* What call.c and call_set.c share. Nobody else includes it. */
#ifndef STEKD_SERVE_CALL_PRIVATE_H
#define STEKD_SERVE_CALL_PRIVATE_H

#include <stdalign.h>
#include <stddef.h>

#include "base/text.h"
#include "serve/call_set.h"

#define CALL_NO_LIMIT INT64_MAX

struct call {
    struct call_set *set; /* borrowed: owns us */
    struct call *next;
    struct call *previous;
    const struct method *method;
    int32_t stream;
    uint32_t messages; /* received so far */
    bool is_finished;
    bool wants_writable;
    bool is_authorized; /* for the following */
    enum authz_action action;
    char realm[REALM_NAME_MAX + 1]; /* "": all realms */
    int64_t deadline;               /* boot clock; the client's, or our own for unary calls */
    int64_t limit;                  /* boot clock; the handler's, see call_limit() */
    const char *limit_why;          /* a constant */
    alignas(max_align_t) unsigned char state[];
};

struct call_set {
    struct call_set_options options;
    struct h2_session *session; /* owned */
    struct call *first;         /* owned, each */
    size_t count;
    int64_t idle_since; /* boot clock */
    bool has_begun;
    struct h2_traffic traffic; /* as of the last feed */
    double chatter;            /* frames that moved nothing, less what is allowed; see call_set.c */
    int64_t fed_at;            /* boot clock */
    bool is_draining;
    struct timer *timer; /* owned: the earliest deadline of all calls */
    int64_t timer_due;   /* boot clock; CALL_NO_LIMIT when not armed */
};

/* Sees to it that the set's timer fires by then. */
void call_set_wake_at(struct call_set *set, int64_t boot_ms);

/* Whether what was authorized would be so now; if not, the call ends with a sentence. */
bool call_recheck(struct call *call);
/* Ends the call with ERR_DENIED and lets its handler let go. */
void call_deny(struct call *call, const char *why);

/* Counts the end of a call; `method` NULL: there was none of that name. */
void call_set_count_end(struct call_set *set, const struct method *method, enum err code);

#endif
