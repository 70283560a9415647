/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operator's revocation as far as it needs no store: decided on a copy of what this daemon
 * holds, merged into it at once, so that the bytes are gone here and watchers are told.
 *
 * It revokes and, if the encrypting key was revoked, promotes the earliest next key, which every
 * frontend has held for a lead. It publishes nothing: a key that only this daemon knows must not
 * become active on its frontends alone. Coverage follows with the put.
 *
 * With a suspect clock it revokes only (R10): that is monotone and takes no clock.
 */
#ifndef STEKD_ROTATE_REVOCATION_H
#define STEKD_ROTATE_REVOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "replica/replica.h"

struct revocation {
    size_t keys; /* revoked by this; 0: they were before */
    bool has_promoted;
    uint8_t promoted[KEY_NAME_LEN];
};

/* `name` NULL: every entry of the ring. ERR_UNAVAILABLE: not ready, so the keys are not known yet.
 * ERR_NOT_FOUND: no such key. ERR_NOMEM, ERR_CRYPTO: nothing was revoked. */
enum err revocation_apply(struct replica *replica, const uint8_t *name, struct revocation *out,
                          struct errbuf *why) MUST_USE;

#endif
