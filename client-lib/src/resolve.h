/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's addresses without waiting for them.
 *
 * The C library's resolver blocks, for as long as its own configuration says (often 30 s), and
 * cannot be interrupted; the driver has promised to end within a second and to leave what is silent
 * within half a sync_interval. So a name is looked up by a thread that does nothing else, all
 * signals blocked, and ends with the lookup; who asked looks whether the answer is there, and may
 * turn away at any time. Addresses are converted at once, without a thread.
 *
 * A child forked while a lookup is under way has no such thread: its copy never gets an answer, and
 * is left alone.
 */
#ifndef STEK_SRC_RESOLVE_H
#define STEK_SRC_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

#define RESOLVE_MAX     8           /* addresses of one name; more are not tried */
#define RESOLVE_LOOK_MS INT64_C(10) /* how often to look whether the answer is there */

struct resolve_answer {
    struct sockaddr_storage at[RESOLVE_MAX];
    socklen_t len[RESOLVE_MAX];
    size_t count;
};

/* ERR_NOT_FOUND: `host` is no address, so it must be a name. */
enum err resolve_address(const char *host, uint16_t port, struct resolve_answer *out) MUST_USE;

struct resolve;

/* Starts looking up `host`, which is copied. `now_ms`: boot ms. ERR_NOMEM; ERR_IO: the system
 * refused a thread. */
enum err resolve_start(const char *host, uint16_t port, int64_t now_ms,
                       struct resolve **out_resolve) MUST_USE;
/* It was started too long ago for its answer to be used. */
bool resolve_is_stale(const struct resolve *resolve, int64_t now_ms);
bool resolve_is_done(const struct resolve *resolve);
/* Only when it is done. ERR_UNAVAILABLE with a sentence. */
enum err resolve_get_answer(const struct resolve *resolve, struct resolve_answer *out,
                            struct errbuf *why) MUST_USE;
/* Done or not. NULL allowed. */
void resolve_free(struct resolve *resolve);

#endif
