/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out to watchers. */
#include <string.h>

#include "replica/hub.h"

void hub_moment(struct replica *replica, struct wire_moment *out)
{
    out->server_time_ms = replica_now(replica); /* first: it may find the clock suspect */
    out->as_of_ms = replica_as_of(replica);
    out->suspect = replica_is_suspect(replica);
}

enum err hub_snapshot(struct replica *replica, struct wire_snapshot *out)
{
    struct wire_snapshot snapshot = {.policy = *replica_policy(replica)};

    if (!replica_is_ready(replica)) {
        return ERR_UNAVAILABLE;
    }
    enum err rc = keyring_init(&snapshot.ring, replica_realm(replica));
    if (rc == ERR_OK) {
        rc = keyring_copy(&snapshot.ring, replica_ring(replica));
    }
    if (rc != ERR_OK) {
        keyring_fini(&snapshot.ring);
        return rc;
    }
    memcpy(snapshot.digest, replica_digest(replica), DIGEST_LEN);
    hub_moment(replica, &snapshot.moment);
    /* R7: checked again at the moment of use. The digest does not depend on bytes. */
    if (!snapshot.moment.suspect) {
        (void)keyring_drop(&snapshot.ring, snapshot.moment.server_time_ms);
    }
    *out = snapshot;
    return ERR_OK;
}
