/* SPDX-License-Identifier: Apache-2.0 */
/* One full example of each message, encoded, and a decoder that holds the result to its promises.
 */
#ifndef STEK_TESTS_WIRE_SAMPLES_H
#define STEK_TESTS_WIRE_SAMPLES_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "wire/messages.h"

struct sample_kind {
    const char *name;
    enum err (*encode)(struct secret_buf *out);
    /* Decodes, asserts that what came out keeps the promises of messages.h, and lets it go. */
    enum err (*decode)(struct slice in, struct errbuf *why);
};

extern const struct sample_kind sample_kinds[];
extern const size_t sample_kind_count;

/* A ring of a live key, a tombstone and a revoked one. The caller gives it to keyring_fini(). */
struct keyring sample_ring(void);
/* The caller gives it to wire_snapshot_fini(). */
struct wire_snapshot sample_snapshot(void);
struct wire_frontend sample_frontend(void);
struct wire_status sample_status(struct wire_realm_status *realms, size_t count);

/* Sorted, unique, few enough, and no byte in a tombstone. */
void sample_assert_ring(const struct keyring *ring);
void sample_assert_same_ring(const struct keyring *a, const struct keyring *b);

#endif
