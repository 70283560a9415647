/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/hub_reply.h"

#include <string.h>

#include "wire/codec.h"

void hub_reply_wipe(struct hub_reply *reply)
{
    secret_buf_fini(&reply->bytes);
    reply->replica = NULL;
}

static void on_wipe(void *arg)
{
    hub_reply_wipe(arg);
}

enum err hub_reply_init(struct hub_reply *reply, const struct timers *timers)
{
    *reply = (struct hub_reply){.timers = timers, .wipe = timer_new(timers, on_wipe, reply)};
    return reply->wipe == NULL ? ERR_NOMEM : ERR_OK;
}

void hub_reply_fini(struct hub_reply *reply)
{
    if (reply->timers != NULL) {
        timer_free(reply->timers, reply->wipe);
        hub_reply_wipe(reply);
    }
}

static bool is_same_policy(const struct policy *a, const struct policy *b)
{
    return a->rotate_every_ms == b->rotate_every_ms &&
           a->ticket_lifetime_ms == b->ticket_lifetime_ms &&
           a->sync_interval_ms == b->sync_interval_ms && a->max_offline_ms == b->max_offline_ms &&
           a->max_session_age_ms == b->max_session_age_ms && a->keys_ahead == b->keys_ahead;
}

/* Which keys have bytes follows from the digest and the time. */
static bool is_current(const struct hub_reply *reply, struct replica *replica)
{
    struct wire_moment now = {0};

    if (reply->replica != replica) {
        return false;
    }
    hub_moment(replica, &now);
    return reply->moment.server_time_ms == now.server_time_ms &&
           reply->moment.as_of_ms == now.as_of_ms && reply->moment.suspect == now.suspect &&
           memcmp(reply->digest, replica_digest(replica), DIGEST_LEN) == 0 &&
           is_same_policy(&reply->policy, replica_policy(replica));
}

static bool has_dropped(const struct keyring *ring, int64_t now)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].has_bytes && ring->keys[i].dropped_from <= now) {
            return true;
        }
    }
    return false;
}

/* Without a copy of the ring where its bytes go out as they are. */
static enum err encode_held(struct hub_reply *reply, struct replica *replica)
{
    struct wire_snapshot snapshot = {
        .ring = *replica_ring(replica), /* borrowed: not to be finished */
        .policy = reply->policy,
        .moment = reply->moment,
    };

    memcpy(snapshot.digest, reply->digest, DIGEST_LEN);
    return wire_encode_get_keyring_reply(&snapshot, &reply->bytes);
}

static enum err encode_copy(struct hub_reply *reply, struct replica *replica)
{
    struct wire_snapshot snapshot = {0};

    enum err rc = hub_snapshot(replica, &snapshot);
    if (rc == ERR_OK) {
        reply->moment = snapshot.moment;
        rc = wire_encode_get_keyring_reply(&snapshot, &reply->bytes);
    }
    wire_snapshot_fini(&snapshot);
    return rc;
}

static enum err encode(struct hub_reply *reply, struct replica *replica)
{
    const struct keyring *ring = replica_ring(replica);

    if (!replica_is_ready(replica)) {
        return ERR_UNAVAILABLE;
    }
    hub_moment(replica, &reply->moment);
    reply->policy = *replica_policy(replica);
    memcpy(reply->digest, replica_digest(replica), DIGEST_LEN);
    enum err rc = has_dropped(ring, reply->moment.server_time_ms) ? encode_copy(reply, replica)
                                                                  : encode_held(reply, replica);
    if (rc != ERR_OK) {
        hub_reply_wipe(reply);
        return rc;
    }
    reply->replica = replica;
    timer_arm(reply->timers, reply->wipe, HUB_REPLY_KEEP_MS);
    return ERR_OK;
}

enum err hub_reply_get(struct hub_reply *reply, struct replica *replica, struct slice *out)
{
    if (!is_current(reply, replica)) {
        reply->replica = NULL;
        secret_buf_consume(&reply->bytes, reply->bytes.len); /* its block serves again */
        enum err rc = encode(reply, replica);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    *out = (struct slice){reply->bytes.at, reply->bytes.len};
    return ERR_OK;
}
