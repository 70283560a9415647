/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to GetKeyring, encoded once for all who ask in the same millisecond: whoever has many
 * frontends has them all come at once after a restart. It is wiped within HUB_REPLY_KEEP_MS.
 */
#ifndef STEKD_REPLICA_HUB_REPLY_H
#define STEKD_REPLICA_HUB_REPLY_H

#include "base/bytes.h"
#include "base/secret.h"
#include "replica/hub.h"

#define HUB_REPLY_KEEP_MS INT64_C(20)

/* Starts as {0}. */
struct hub_reply {
    const struct timers *timers;   /* borrowed */
    struct timer *wipe;            /* owned */
    const struct replica *replica; /* borrowed: whose ring it is; only compared */
    uint8_t digest[DIGEST_LEN];
    struct wire_moment moment;
    struct policy policy;
    struct secret_buf bytes; /* owned; empty: there is none */
};

enum err hub_reply_init(struct hub_reply *reply, const struct timers *timers) MUST_USE;
/* Safe on {0}. */
void hub_reply_fini(struct hub_reply *reply);
void hub_reply_wipe(struct hub_reply *reply);

/* A wire_encode_get_keyring_reply() of the ring now. Borrowed: valid until the loop runs.
 * ERR_UNAVAILABLE: not ready yet. ERR_NOMEM. */
enum err hub_reply_get(struct hub_reply *reply, struct replica *replica,
                       struct slice *out) MUST_USE;

#endif
