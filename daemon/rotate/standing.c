/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/standing.h"

enum err standing_check(struct replica *replica, struct errbuf *why)
{
    (void)replica_now(replica); /* it may find the clock suspect */
    if (!replica_is_ready(replica)) {
        errbuf_set(why, "this daemon has not read the store yet: %.300s", replica_problem(replica));
        return ERR_UNAVAILABLE;
    }
    if (replica_is_suspect(replica) ||
        replica_last_stored(replica)->unreadable == ERR_UNSUPPORTED) {
        errbuf_set(why, "ask another daemon: %.300s", replica_problem(replica));
        return ERR_REFUSED;
    }
    return ERR_OK;
}

static void explain_missing(struct replica *replica, const char *obstacle, struct errbuf *why)
{
    struct errbuf detail = {""};

    if (standing_check(replica, &detail) != ERR_OK) {
        errbuf_set(why, "this daemon puts nothing; %.300s", detail.text);
    } else if (!replica_store_is_reachable(replica)) {
        errbuf_set(why, "put as soon as the store answers: %.300s", replica_problem(replica));
    } else if (obstacle[0] != '\0') {
        errbuf_set(why, "%.300s", obstacle);
    } else {
        errbuf_set(why, "the put is under way");
    }
}

static bool has_revocations(const struct keyring *stored, const struct keyring *held)
{
    for (size_t i = 0; i < held->count; i++) {
        const struct key *there = keyring_find(stored, held->keys[i].name);
        if (held->keys[i].revoked && (there == NULL || !there->revoked)) {
            return false;
        }
    }
    return true;
}

bool standing_revocations_are_stored(struct replica *replica, const char *obstacle,
                                     struct errbuf *why)
{
    bool is_stored = has_revocations(&replica_last_stored(replica)->ring, replica_ring(replica));

    if (!is_stored) {
        explain_missing(replica, obstacle, why);
    }
    return is_stored;
}

bool standing_ring_is_stored(struct replica *replica, const char *obstacle, struct errbuf *why)
{
    bool is_stored = keyring_covers(&replica_last_stored(replica)->ring, replica_ring(replica));

    if (!is_stored) {
        explain_missing(replica, obstacle, why);
    }
    return is_stored;
}
