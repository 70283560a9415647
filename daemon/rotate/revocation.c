/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/revocation.h"

#include <string.h>

#include "keyring/change.h"

static size_t count_revoked(const struct keyring *ring)
{
    size_t count = 0;

    for (size_t i = 0; i < ring->count; i++) {
        count += ring->keys[i].revoked ? 1 : 0;
    }
    return count;
}

static enum err revoke_copy(struct replica *replica, const uint8_t *name, struct keyring *work,
                            struct change_result *result, struct errbuf *why)
{
    int64_t now = replica_now(replica); /* first: it may find the clock suspect */
    const struct policy *policy = replica_is_suspect(replica) ? NULL : replica_policy(replica);

    return name == NULL ? change_revoke_all(work, policy, now, NULL, result, why)
                        : change_revoke(work, policy, name, now, NULL, result, why);
}

enum err revocation_apply(struct replica *replica, const uint8_t *name, struct revocation *out,
                          struct errbuf *why)
{
    static const uint8_t none[KEY_NAME_LEN];
    const struct keyring *held = replica_ring(replica);
    struct change_result result = {0};
    struct revocation done = {0};
    struct keyring work = {0};
    struct errbuf reason = {""};

    if (!replica_is_ready(replica)) {
        errbuf_set(why,
                   "realm '%s': nothing is revoked: this daemon has not read the store yet and "
                   "does not know the keys; ask another",
                   replica_realm(replica));
        return ERR_UNAVAILABLE;
    }
    const size_t before = count_revoked(held);
    enum err rc = keyring_init(&work, replica_realm(replica));
    if (rc == ERR_OK) {
        rc = keyring_copy(&work, held);
    }
    if (rc == ERR_OK) {
        rc = revoke_copy(replica, name, &work, &result, &reason);
    }
    if (rc == ERR_OK) {
        done.keys = count_revoked(&work) - before;
        done.has_promoted = memcmp(result.promoted, none, KEY_NAME_LEN) != 0;
        memcpy(done.promoted, result.promoted, KEY_NAME_LEN);
        rc = replica_accept_revocation(replica, &work);
    }
    if (rc == ERR_OK) {
        *out = done;
    } else if (reason.text[0] != '\0') {
        errbuf_set(why, "%s", reason.text);
    } else {
        errbuf_set(why, "realm '%s': nothing is revoked: %s", replica_realm(replica), err_text(rc));
    }
    keyring_fini(&work);
    return rc;
}
