/* SPDX-License-Identifier: Apache-2.0 */
/* What operators are told of a ring: names, dates and flags, never a key byte. Two views of one
 * ring, taken one after the other, tell what has happened to it in between. Pure. */
#ifndef STEKD_APP_RING_VIEW_H
#define STEKD_APP_RING_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "keyring/keyring.h"

struct ring_view_key {
    uint8_t name[KEY_NAME_LEN];
    int64_t published_at;
    int64_t active_from;
    int64_t retired_from;
    int64_t dropped_from;
    bool revoked;
    bool has_bytes;
};

/* Starts as {0}: no key, none encrypts. */
struct ring_view {
    struct ring_view_key *keys; /* owned; sorted by name */
    size_t count;
    bool has_encrypting;
    uint8_t encrypting[KEY_NAME_LEN]; /* what keyring_pick() said */
};

/* Replaces what *view held. Untouched on ERR_NOMEM. */
enum err ring_view_take(struct ring_view *view, const struct keyring *ring, int64_t now) MUST_USE;
/* Safe on {0} and twice. */
void ring_view_fini(struct ring_view *view);

/* The next instant > now at which a key begins, retires or is dropped; INT64_MAX: never. */
int64_t ring_view_next_date(const struct ring_view *view, int64_t now);

enum ring_event {
    RING_KEY_PUBLISHED, /* a key with bytes that was not there */
    RING_KEY_PROMOTED,  /* begins sooner than it was to */
    RING_KEY_SHORTENED, /* retires or is dropped sooner, measured from its beginning */
    RING_KEY_REVOKED,   /* one that was not there included */
    RING_KEY_DROPPED,   /* its bytes are gone, and not by revocation */
    RING_KEY_ENCRYPTS,  /* this one, and not the one before */
    RING_NONE_ENCRYPTS, /* one did before; no key */
};

/* `was` NULL: it was not there. `is` NULL: it is not there any more. Both borrowed during the
 * call. */
typedef void ring_event_fn(void *ctx, enum ring_event event, const struct ring_view_key *was,
                           const struct ring_view_key *is);

/* Tells every event between the two once: those of single keys by name, then who encrypts. */
void ring_view_compare(const struct ring_view *before, const struct ring_view *after,
                       ring_event_fn *tell, void *ctx);

#endif
