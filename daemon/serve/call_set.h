/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of one gRPC connection without its socket: the HTTP/2 session, the calls
 * under way in it, and their deadlines. Bytes in, bytes out; so handlers can be tested in memory.
 */
#ifndef STEKD_SERVE_CALL_SET_H
#define STEKD_SERVE_CALL_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "serve/call.h"
#include "wire/h2_session.h"

struct call_set;

struct call_set_options {
    const struct services *services; /* borrowed until call_set_free() */
    const struct peer *peer;         /* borrowed, likewise */
    struct h2_limits limits;
    /* There may be something to drain. Comes from anywhere, also from inside feed and drain; must
     * not call back into the set but have call_set_drain() called soon. */
    void (*on_output)(void *ctx);
    void *ctx;
};

enum err call_set_new(const struct call_set_options *options, struct call_set **out_set) MUST_USE;
/* Closes every call (on_closed). NULL allowed. */
void call_set_free(struct call_set *set);

/* As h2_session_feed() and h2_session_drain(). */
enum err call_set_feed(struct call_set *set, struct slice bytes, struct errbuf *why) MUST_USE;
enum err call_set_drain(struct call_set *set, struct slice *out, struct errbuf *why) MUST_USE;
bool call_set_is_alive(const struct call_set *set);

size_t call_set_count(const struct call_set *set);
/* Boot clock: when the last call ended, or the set was made. Meaningful while there is none. */
int64_t call_set_idle_since(const struct call_set *set);
/* Latches with the first well-formed request. */
bool call_set_has_begun(const struct call_set *set);

/* Every call ends with ERR_DENIED and `why`. Not from inside a call's callback. */
void call_set_deny(struct call_set *set, const char *why);
/* Ends the calls that the present rules and realms no longer allow; how many those were. Likewise.
 */
size_t call_set_recheck(struct call_set *set);

/* GOAWAY. No new calls; those there may finish, and streams are asked to. */
void call_set_shutdown(struct call_set *set, const char *reason);

#endif
