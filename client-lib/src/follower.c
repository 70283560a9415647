/* SPDX-License-Identifier: Apache-2.0 */
#include "src/follower.h"

#include <assert.h>
#include <string.h>

#include "base/secret.h"
#include "keyring/check.h"

enum err follower_init(struct follower *follower, const char *realm)
{
    *follower = (struct follower){0};
    return keyring_init(&follower->ring, realm);
}

void follower_fini(struct follower *follower)
{
    keyring_fini(&follower->ring);
    *follower = (struct follower){0};
}

static bool is_newest(const struct follower *follower, const uint8_t name[KEY_NAME_LEN])
{
    size_t low = 0;
    size_t high = follower->newest_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = memcmp(follower->newest[middle], name, KEY_NAME_LEN);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

static void note_scheduled(struct follower *follower)
{
    for (size_t i = 0; i < follower->ring.count; i++) {
        follower->scheduled[i] = is_newest(follower, follower->ring.keys[i].name);
    }
}

enum err follower_import(struct follower *follower, struct ringmap *map, size_t realm)
{
    const enum err rc = ringmap_export(map, realm, &follower->ring, follower->scheduled,
                                       &follower->policy, follower->digest, &follower->as_of);
    if (rc != ERR_OK) {
        return rc;
    }
    follower->has_snapshot = true;
    follower->newest_count = 0;
    for (size_t i = 0; i < follower->ring.count; i++) {
        if (follower->scheduled[i]) {
            memcpy(follower->newest[follower->newest_count++], follower->ring.keys[i].name,
                   KEY_NAME_LEN);
        }
    }
    return ERR_OK;
}

static bool is_span(int64_t ms)
{
    return ms > 0 && ms <= POLICY_LIFE_MAX_MS;
}

/* Only what would break us: the rules of policy_check() are the daemon's, and may grow. */
static enum err check_policy(const struct policy *policy, struct errbuf *why)
{
    if (!is_span(policy->rotate_every_ms) || !is_span(policy->ticket_lifetime_ms) ||
        !is_span(policy->sync_interval_ms) || policy->max_session_age_ms <= 0 ||
        policy->max_offline_ms < 0) {
        errbuf_set(why, "its policy cannot be: a time in it is not positive, or beyond 7d");
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* R8, R10 and the digest: everything that can be wrong with what a daemon sends. */
static enum err check(const struct follower *follower, const struct wire_snapshot *snapshot,
                      int64_t now, struct errbuf *why)
{
    uint8_t digest[DIGEST_LEN];
    if (strcmp(snapshot->ring.realm, follower->ring.realm) != 0) {
        errbuf_set(why, "the keyring is of another realm, \"%s\"", snapshot->ring.realm);
        return ERR_INVALID;
    }
    enum err rc = check_policy(&snapshot->policy, why);
    if (rc == ERR_OK) {
        rc = check_arrival(&snapshot->ring, now, why);
    }
    if (rc == ERR_OK) {
        rc = check_same_birth(&follower->ring, &snapshot->ring, why);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    rc = keyring_digest(&snapshot->ring, digest);
    if (rc != ERR_OK) {
        errbuf_set(why, "cannot compute the digest: %s", err_text(rc));
        return rc;
    }
    if (memcmp(digest, snapshot->digest, sizeof(digest)) != 0) {
        errbuf_set(why, "the digest does not match the keys: they were altered under way");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static bool is_live(const struct key *key)
{
    return key->has_bytes && !key->revoked;
}

static struct key *first_to_end(struct keyring *ring)
{
    struct key *first = NULL;
    for (size_t i = 0; i < ring->count; i++) {
        struct key *key = &ring->keys[i];
        if (is_live(key) && (first == NULL || key->dropped_from < first->dropped_from)) {
            first = key;
        }
    }
    return first;
}

/* Many partitions that rotated and meet again have more usable keys than the mapping holds. To
 * refuse them would leave this frontend behind for as long as they last; without those that end
 * first, which have issued for the longest, it merely shakes hands in full a little more often. */
static size_t give_up_excess(struct keyring *ring)
{
    size_t live = 0;
    size_t given_up = 0;
    for (size_t i = 0; i < ring->count; i++) {
        live += is_live(&ring->keys[i]);
    }
    for (; live - given_up > RINGMAP_LIVE_MAX; given_up++) {
        key_wipe(first_to_end(ring));
    }
    return given_up;
}

/* The union as it will be, without what is over at `now`. */
static enum err unite(const struct follower *follower, const struct keyring *arrived, int64_t now,
                      struct keyring *out, struct errbuf *why)
{
    enum err rc = keyring_copy(out, &follower->ring);
    if (rc == ERR_OK) {
        rc = keyring_merge(out, arrived, NULL);
    }
    if (rc != ERR_OK) {
        errbuf_set(why, "cannot hold the keyring: %s", err_text(rc));
        return rc;
    }
    (void)keyring_drop(out, now);
    (void)keyring_forget(out, now);
    if (out->count > RINGMAP_ENTRIES_MAX) {
        errbuf_set(why, "%zu entries are more than %d", out->count, RINGMAP_ENTRIES_MAX);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* as_of is the daemon's word about its own past: never believed beyond now, and what was believed
 * under a time that has been found wrong by so much that it stepped back, not either. */
static bool move_as_of(struct follower *follower, const struct wire_moment *moment, int64_t now)
{
    const int64_t before = follower->as_of;
    const int64_t as_of = earlier(moment->as_of_ms, now);
    follower->as_of = earlier(before, now);
    if (!moment->suspect && as_of > follower->as_of) {
        follower->as_of = as_of;
    }
    return follower->as_of != before;
}

static void take(struct follower *follower, const struct wire_snapshot *snapshot, int64_t now)
{
    follower->newest_count = snapshot->ring.count;
    for (size_t i = 0; i < snapshot->ring.count; i++) {
        memcpy(follower->newest[i], snapshot->ring.keys[i].name, KEY_NAME_LEN);
    }
    follower->policy = snapshot->policy;
    memcpy(follower->digest, snapshot->digest, sizeof(follower->digest));
    (void)move_as_of(follower, &snapshot->moment, now);
    follower->has_snapshot = true;
    note_scheduled(follower);
}

enum err follower_accept(struct follower *follower, const struct wire_snapshot *snapshot,
                         int64_t now, struct errbuf *why)
{
    struct keyring united = {0};
    _Static_assert(CHECK_ENTRIES_MAX <= RINGMAP_ENTRIES_MAX, "every sound snapshot's names fit");
    assert(now != 0);
    enum err rc = check(follower, snapshot, now, why);
    if (rc == ERR_OK) {
        rc = unite(follower, &snapshot->ring, now, &united, why);
    }
    if (rc == ERR_OK) {
        keyring_swap(&follower->ring, &united);
        follower->given_up = give_up_excess(&follower->ring);
        take(follower, snapshot, now);
        follower->accepted++;
    } else {
        follower->refused++;
        errbuf_prefix(why, "realm %s: snapshot refused", follower->ring.realm);
    }
    keyring_fini(&united);
    return rc;
}

bool follower_heartbeat(struct follower *follower, const struct wire_heartbeat *heartbeat,
                        int64_t now)
{
    /* Another digest: the daemon holds something newer, and what we hold is not as of then. */
    return follower->has_snapshot && memcmp(heartbeat->digest, follower->digest, DIGEST_LEN) == 0 &&
           move_as_of(follower, &heartbeat->moment, now);
}

bool follower_tick(struct follower *follower, int64_t now)
{
    follower->as_of = earlier(follower->as_of, now);
    const size_t dropped = keyring_drop(&follower->ring, now);
    const size_t forgotten = keyring_forget(&follower->ring, now);
    if (forgotten > 0) {
        note_scheduled(follower);
    }
    return dropped + forgotten > 0;
}

int64_t follower_next_due(const struct follower *follower, int64_t now)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < follower->ring.count; i++) {
        const struct key *key = &follower->ring.keys[i];
        const int64_t at = key->has_bytes ? key->dropped_from : key->forgotten_from;
        due = at < due ? at : due;
    }
    return due > now ? due : now + 1;
}

struct ringmap_view follower_view(const struct follower *follower)
{
    struct ringmap_view view = {
        .ring = &follower->ring,
        .scheduled = follower->scheduled,
        .policy = follower->policy,
        .as_of = follower->as_of,
    };
    assert(follower->has_snapshot);
    memcpy(view.digest, follower->digest, sizeof(view.digest));
    return view;
}
