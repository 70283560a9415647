/* SPDX-License-Identifier: Apache-2.0 */
/* How long keys and tickets of one realm live. Configuration, never merged: a key keeps its
 * birth dates, a new policy applies to new keys. */
#ifndef STEK_KEYRING_POLICY_H
#define STEK_KEYRING_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define POLICY_LIFE_MAX_MS INT64_C(604800000) /* 7 days: RFC 8446 section 4.6.1 */
#define POLICY_RING_MAX    48                 /* entries a realm's steady state may need */
#define POLICY_HASH_LEN    8

struct policy {
    int64_t rotate_every_ms;
    int64_t ticket_lifetime_ms;
    int64_t sync_interval_ms;   /* from an accepted put to every reachable frontend */
    int64_t max_offline_ms;     /* 0: until the keys' own dates */
    int64_t max_session_age_ms; /* bounds a chain of re-issued TLS 1.3 tickets */
    uint32_t keys_ahead;
};

/* The defaults of the design: 12h, 12h, 15s (or rotate_every/8 if that is less), until the keys'
 * own dates, 24h, 1. `rotate_every_ms` is taken as given, since sync_interval depends on it. */
struct policy policy_default(int64_t rotate_every_ms);

/* The max_session_age of a policy whose operator gave none: 24h, or the ticket_lifetime if that is
 * longer, so that raising the lifetime alone never makes the configuration an error. */
int64_t policy_default_session_age(int64_t ticket_lifetime_ms);

/* lead = 2 * sync_interval: how long before its first use a key is published (R1). */
int64_t policy_lead_ms(const struct policy *policy);

/* lead + keys_ahead * rotate_every: how far ahead of now R9 keeps keys scheduled. */
int64_t policy_horizon_ms(const struct policy *policy);

/* From publication to the last decryption of a key born ahead of time. */
int64_t policy_key_life_ms(const struct policy *policy);

/* Entries a ring holds at most in steady state, tombstones included. */
size_t policy_ring_size(const struct policy *policy);

/* One broken rule: which field it speaks of (a configuration key name) and a sentence an
 * operator can act on. */
struct policy_problem {
    const char *field;
    struct errbuf why;
};

/* Reports every broken rule at once, at most `capacity`; returns how many there are. 0: sound. */
size_t policy_check(const struct policy *policy, struct policy_problem *out, size_t capacity);

/* First 8 bytes of SHA-256 over all fields: equal policies, equal hashes. */
enum err policy_hash(const struct policy *policy, uint8_t out[POLICY_HASH_LEN]) MUST_USE;

#endif
