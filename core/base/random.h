/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness as an argument: the system's in production, seeded in the simulation. */
#ifndef STEK_BASE_RANDOM_H
#define STEK_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct random_source {
    /* Fills all of `out` with cryptographic randomness, or fails and leaves it wiped. */
    enum err (*fill)(void *ctx, uint8_t *out, size_t len);
    void *ctx; /* borrowed: must outlive the source's users */
};

static inline MUST_USE enum err random_fill(const struct random_source *random, uint8_t *out,
                                            size_t len)
{
    return random->fill(random->ctx, out, len);
}

#endif
