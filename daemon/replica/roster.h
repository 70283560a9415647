/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon knows of one realm's frontends beyond those connected now: who left, when, and for
 * how long they may still hold keys. A frontend that is cut off does not hear of a revocation, so
 * whoever revokes must hear of the frontend.
 *
 * A frontend is known by its name and the identity its connection had. Who leaves is put down;
 * who comes back under the same name and identity strikes out one entry, the oldest, so of several
 * frontends of one name as many stay put down as are missing. Bounded: beyond ROSTER_MAX the oldest
 * entry goes, counted.
 */
#ifndef STEKD_REPLICA_ROSTER_H
#define STEKD_REPLICA_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyring/keyring.h"
#include "wire/messages.h"

#define ROSTER_MAX          256
#define ROSTER_IDENTITY_MAX WIRE_IDENTITY_MAX

struct watcher_info {
    char frontend[WIRE_LABEL_MAX + 1];
    char identity[ROSTER_IDENTITY_MAX + 1]; /* of its connection, as serve/ words it */
    char library_version[WIRE_LABEL_MAX + 1];
    bool has_installed;
    uint8_t installed[DIGEST_LEN]; /* last acknowledged digest */
    int64_t installed_at;          /* replica_now() of that acknowledgement */
    int64_t since;                 /* of the stream's start */
    int64_t last_heard;            /* of anything on it */
    int64_t as_of;                 /* of the newest it has answered; 0: it has answered nothing */
    int64_t clock_skew_ms;
    struct wire_counters counters;
    uint64_t installed_change; /* the newest of the hub's changes it has; 0: none of them */
};

/* Of a stream that starts at `now`. */
void roster_fill_info(struct watcher_info *info, const struct wire_watch_open *open,
                      const char *identity, int64_t now);

struct roster_entry {
    struct watcher_info info;
    int64_t left_at;
    int64_t forget_at; /* from then on it holds nothing that opens a ticket */
};

/* Starts as {0}. Entries stand in the order in which they left. */
struct roster {
    struct roster_entry *at; /* owned */
    size_t count;
    size_t capacity;
    uint64_t lost; /* entries given up for want of room */
};

void roster_fini(struct roster *roster);
/* For want of memory the entry is lost, counted. */
void roster_put(struct roster *roster, const struct roster_entry *entry);
/* Strikes out the oldest entry of that name and identity. False: there is none. */
bool roster_strike(struct roster *roster, const char *frontend, const char *identity);
void roster_forget(struct roster *roster, int64_t now);

/* When one who leaves at `now` can hold no live key any more: by the dates its keys were born with
 * (it may have missed that they moved), or max_offline if that comes sooner. */
int64_t roster_forget_at(const struct keyring *ring, int64_t max_offline_ms, int64_t now);

#endif
