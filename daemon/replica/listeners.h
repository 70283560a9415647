/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears of a replica's news: a short list, told in the order of listening. */
#ifndef STEKD_REPLICA_LISTENERS_H
#define STEKD_REPLICA_LISTENERS_H

#include "replica/replica.h"

#define LISTENERS_MAX 4

/* Starts as {0}. */
struct listeners {
    struct replica_events at[LISTENERS_MAX];
    size_t count;
};

/* `events` is copied. ERR_LIMIT: too many. */
enum err listeners_add(struct listeners *listeners, const struct replica_events *events) MUST_USE;
void listeners_remove(struct listeners *listeners, const void *ctx);
void listeners_tell_changed(const struct listeners *listeners);
void listeners_tell_loaded(const struct listeners *listeners);

#endif
