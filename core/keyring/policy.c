/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/policy.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/kdf.h"
#include "base/text.h"

#define HOUR_MS             INT64_C(3600000)
#define LIFETIME_DEFAULT_MS (12 * HOUR_MS)
#define AGE_DEFAULT_MS      (24 * HOUR_MS)
#define SYNC_DEFAULT_MS     INT64_C(15000)
#define SYNC_MIN_MS         INT64_C(100)
#define LIFETIME_MIN_MS     INT64_C(1000)
#define SYNCS_PER_ROTATION  8
#define KEYS_AHEAD_MAX      8

#define HASH_LABEL "stek v1 policy"

struct policy policy_default(int64_t rotate_every_ms)
{
    const int64_t eighth = rotate_every_ms / SYNCS_PER_ROTATION;
    return (struct policy){
        .rotate_every_ms = rotate_every_ms,
        .ticket_lifetime_ms = LIFETIME_DEFAULT_MS,
        .sync_interval_ms = eighth < SYNC_DEFAULT_MS ? eighth : SYNC_DEFAULT_MS,
        .max_offline_ms = 0,
        .max_session_age_ms = policy_default_session_age(LIFETIME_DEFAULT_MS),
        .keys_ahead = 1,
    };
}

int64_t policy_default_session_age(int64_t ticket_lifetime_ms)
{
    return ticket_lifetime_ms > AGE_DEFAULT_MS ? ticket_lifetime_ms : AGE_DEFAULT_MS;
}

/* `factor` times `ms`, kept within int64: an unchecked policy may hold anything. */
static int64_t times(int64_t factor, int64_t ms)
{
    int64_t product = 0;
    if (__builtin_mul_overflow(factor, ms, &product)) {
        return ms > 0 ? INT64_MAX : INT64_MIN;
    }
    return product;
}

int64_t policy_lead_ms(const struct policy *policy)
{
    return times(2, policy->sync_interval_ms);
}

int64_t policy_horizon_ms(const struct policy *policy)
{
    return clock_add_ms(policy_lead_ms(policy),
                        times((int64_t)policy->keys_ahead, policy->rotate_every_ms));
}

int64_t policy_key_life_ms(const struct policy *policy)
{
    /* Published at most a horizon before it begins, then one rotation active, then one ticket
     * lifetime and a lead retired. */
    int64_t life = clock_add_ms(policy_horizon_ms(policy), policy->rotate_every_ms);
    life = clock_add_ms(life, policy->ticket_lifetime_ms);
    return clock_add_ms(life, policy_lead_ms(policy));
}

size_t policy_ring_size(const struct policy *policy)
{
    if (policy->rotate_every_ms <= 0) {
        return SIZE_MAX; /* never sound: policy_check() says so */
    }
    const int64_t life = policy_key_life_ms(policy);
    /* One key begins each rotation, and each stays for a life: rounded up, and one for the moment
     * at which the newest is there and the oldest not yet forgotten. */
    const int64_t whole = life / policy->rotate_every_ms;
    return (size_t)whole + (life % policy->rotate_every_ms != 0) + 1;
}

/* Where the broken rules go. */
struct report {
    struct policy_problem *out;
    size_t capacity;
    size_t count;
};

static void __attribute__((format(printf, 3, 4)))
report_problem(struct report *report, const char *field, const char *format, ...)
{
    if (report->count < report->capacity) {
        struct policy_problem *problem = &report->out[report->count];
        va_list args;
        problem->field = field;
        va_start(args, format);
        (void)vsnprintf(problem->why.text, sizeof(problem->why.text), format, args);
        va_end(args);
    }
    report->count++;
}

static void check_sync_interval(const struct policy *policy, struct report *report)
{
    if (policy->sync_interval_ms < SYNC_MIN_MS) {
        report_problem(report, "sync_interval",
                       "sync_interval is %s, but keys cannot reach a fleet in less than 100ms: "
                       "set it to 100ms or more, and rotate_every to at least %d times that",
                       text_span_of(policy->sync_interval_ms).text, SYNCS_PER_ROTATION);
        return;
    }
    const int64_t least = times(SYNCS_PER_ROTATION, policy->sync_interval_ms);
    if (policy->rotate_every_ms < least) {
        report_problem(report, "rotate_every",
                       "rotate_every is %s, but with sync_interval %s it must be at least %s (%d "
                       "times sync_interval), or keys rotate faster than they spread: raise "
                       "rotate_every or lower sync_interval",
                       text_span_of(policy->rotate_every_ms).text,
                       text_span_of(policy->sync_interval_ms).text, text_span_of(least).text,
                       SYNCS_PER_ROTATION);
    }
}

static void check_ticket_lifetime(const struct policy *policy, struct report *report)
{
    const int64_t lifetime = policy->ticket_lifetime_ms;
    if (lifetime < LIFETIME_MIN_MS) {
        report_problem(report, "ticket_lifetime",
                       "ticket_lifetime is %s, but TLS counts it in whole seconds: set it to 1s or "
                       "more",
                       text_span_of(lifetime).text);
    } else if (lifetime > POLICY_LIFE_MAX_MS) {
        report_problem(report, "ticket_lifetime",
                       "ticket_lifetime is %s, but RFC 8446 allows a ticket 7d at most: lower it",
                       text_span_of(lifetime).text);
    }
    const int64_t age = policy->max_session_age_ms;
    if (age < lifetime) {
        report_problem(report, "max_session_age",
                       "max_session_age is %s, less than ticket_lifetime (%s), so that tickets "
                       "would be refused before they end: raise max_session_age or lower "
                       "ticket_lifetime",
                       text_span_of(age).text, text_span_of(lifetime).text);
    } else if (age > POLICY_LIFE_MAX_MS) {
        report_problem(report, "max_session_age",
                       "max_session_age is %s, but a session is to be renewed by a full handshake "
                       "at least every 7d: lower it",
                       text_span_of(age).text);
    }
}

static void check_keys(const struct policy *policy, struct report *report)
{
    if (policy->keys_ahead < 1 || policy->keys_ahead > KEYS_AHEAD_MAX) {
        report_problem(report, "keys_ahead",
                       "keys_ahead is %" PRIu32 ", but it must be from 1 to %d: 1 suits nearly "
                       "everybody",
                       policy->keys_ahead, KEYS_AHEAD_MAX);
        return; /* what follows from it would only confuse */
    }
    const int64_t life = policy_key_life_ms(policy);
    if (life > POLICY_LIFE_MAX_MS) {
        report_problem(report, "rotate_every",
                       "a key would live %" PRId64 " minutes from publication to destruction "
                       "((keys_ahead + 1) x rotate_every + ticket_lifetime + 4 x sync_interval), "
                       "but 7d (10080 minutes) is the most: lower rotate_every, ticket_lifetime or "
                       "keys_ahead",
                       life / 60000 + (life % 60000 != 0));
    }
    const size_t size = policy_ring_size(policy);
    if (policy->rotate_every_ms > 0 && size > POLICY_RING_MAX) {
        report_problem(report, "rotate_every",
                       "the keyring would hold %zu keys at a time, but %d is the most: raise "
                       "rotate_every (now %s) or lower ticket_lifetime (now %s)",
                       size, POLICY_RING_MAX, text_span_of(policy->rotate_every_ms).text,
                       text_span_of(policy->ticket_lifetime_ms).text);
    }
}

size_t policy_check(const struct policy *policy, struct policy_problem *out, size_t capacity)
{
    struct report report = {.out = out, .capacity = capacity};
    check_sync_interval(policy, &report);
    check_ticket_lifetime(policy, &report);
    check_keys(policy, &report);
    if (policy->max_offline_ms != 0 && policy->max_offline_ms < policy->sync_interval_ms) {
        report_problem(&report, "max_offline",
                       "max_offline is %s, less than sync_interval (%s), so that frontends would "
                       "stop between two updates: raise it, or leave it out for the keys' own "
                       "dates",
                       text_span_of(policy->max_offline_ms).text,
                       text_span_of(policy->sync_interval_ms).text);
    }
    return report.count;
}

/* HASH_LABEL 0x00 | rotate_every, ticket_lifetime, sync_interval, max_offline, max_session_age in
 * milliseconds (u64be each) | u32be keys_ahead. */
enum err policy_hash(const struct policy *policy, uint8_t out[POLICY_HASH_LEN])
{
    uint8_t input[sizeof(HASH_LABEL) + 5 * sizeof(uint64_t) + sizeof(uint32_t)];
    uint8_t sha[KDF_SHA256_LEN];
    struct writer w;

    writer_init(&w, input, sizeof(input));
    writer_bytes(&w, HASH_LABEL, sizeof(HASH_LABEL));
    writer_u64be(&w, (uint64_t)policy->rotate_every_ms);
    writer_u64be(&w, (uint64_t)policy->ticket_lifetime_ms);
    writer_u64be(&w, (uint64_t)policy->sync_interval_ms);
    writer_u64be(&w, (uint64_t)policy->max_offline_ms);
    writer_u64be(&w, (uint64_t)policy->max_session_age_ms);
    writer_u32be(&w, policy->keys_ahead);
    const enum err rc = kdf_sha256((struct slice){input, w.len}, sha);
    if (rc == ERR_OK) {
        memcpy(out, sha, POLICY_HASH_LEN);
    }
    return rc;
}
