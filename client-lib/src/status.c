/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <stek/stek.h>

#include "base/secret.h"
#include "src/client_internal.h"

_Static_assert(sizeof(((struct stek_realm_status *)NULL)->digest) == DIGEST_LEN,
               "the public digest is ours");

const char *stek_status_text(enum stek_status status)
{
    switch (status) {
    case STEK_OK:
        return "ok";
    case STEK_ERR_INVALID:
        return "an argument is wrong";
    case STEK_ERR_NOMEM:
        return "out of memory";
    case STEK_ERR_LOCKED_MEMORY:
        return "memory could not be locked: raise RLIMIT_MEMLOCK";
    case STEK_ERR_TIMEOUT:
        return "timed out";
    case STEK_ERR_NO_KEYS:
        return "no usable key is held";
    case STEK_ERR_UNKNOWN_REALM:
        return "not one of the client's realms";
    case STEK_ERR_TOO_SMALL:
        return "the buffer holds fewer than there are";
    case STEK_ERR_REFUSED:
        return "refused in the present state";
    case STEK_ERR_UNSUPPORTED:
        return "not in this version";
    case STEK_ERR_SYSTEM:
        return "the system refused a thread, a mapping or a mutex";
    case STEK_ERR_CRYPTO:
        return "OpenSSL failed";
    }
    return "unknown status";
}

const char *stek_version(void)
{
    return STEK_VERSION;
}

static struct stek_counters read_counters(const struct ringmap *map, size_t realm)
{
    return (struct stek_counters){
        .issued = ringmap_total(map, realm, COUNT_ISSUED),
        .decrypted = ringmap_total(map, realm, COUNT_DECRYPTED),
        .renewed = ringmap_total(map, realm, COUNT_RENEWED),
        .unknown_key = ringmap_total(map, realm, COUNT_UNKNOWN_KEY),
        .refused_old = ringmap_total(map, realm, COUNT_REFUSED_OLD),
        .no_key = ringmap_total(map, realm, COUNT_NO_KEY),
        .policy_mismatch = ringmap_total(map, realm, COUNT_POLICY_MISMATCH),
        .crypto_failures = ringmap_total(map, realm, COUNT_CRYPTO_FAILURES),
        .busy = ringmap_total(map, realm, COUNT_BUSY),
        .max_tries = ringmap_max_tries(map, realm),
    };
}

static void fill_ring(const struct ringmap_info *info, int64_t now,
                      struct stek_realm_status *status)
{
    status->age_ms = info->as_of > 0 ? clock_between_ms(info->as_of, now) : -1;
    status->age_ms = info->as_of > 0 && status->age_ms < 0 ? 0 : status->age_ms;
    status->has_snapshot = 1;
    status->sync_interval_ms = info->policy.sync_interval_ms;
    status->is_synced = status->age_ms >= 0 && status->age_ms <= status->sync_interval_ms;
    status->first_active_in_ms = info->first_active_at <= 0
                                     ? info->first_active_at
                                     : clock_between_ms(now, info->first_active_at);
    status->keys = (unsigned int)info->live_keys;
    memcpy(status->digest, info->digest, sizeof(status->digest));
}

static struct stek_realm_status read_status(struct stek_client *client, size_t realm)
{
    const struct ringmap *map = client_ringmap(client);
    const int64_t boot = clock_boot_ms(client_clock(client));
    struct stek_realm_status status = {.age_ms = -1, .first_active_in_ms = -1};
    struct ringmap_info info = {0};
    if (ringmap_info(map, realm, boot, &info) && info.has_snapshot) {
        fill_ring(&info, ringmap_now(map, boot), &status);
    }
    status.clock_skew_ms = ringmap_skew(map);
    status.driver_pid = ringmap_driver_pid(map);
    status.counters = read_counters(map, realm);
    ringmap_get_error(map, realm, status.last_error, sizeof(status.last_error));
    return status;
}

enum stek_status stek_client_status(struct stek_client *client, const char *realm,
                                    struct stek_realm_status *out_status, size_t size)
{
    if (client == NULL || realm == NULL || out_status == NULL || size == 0) {
        return STEK_ERR_INVALID;
    }
    const int place = ringmap_find_realm(client_ringmap(client), realm);
    if (place < 0) {
        return STEK_ERR_UNKNOWN_REALM;
    }
    /* A caller built against another version has a shorter or a longer struct. */
    const struct stek_realm_status status = read_status(client, (size_t)place);
    memset(out_status, 0, size);
    memcpy(out_status, &status, size < sizeof(status) ? size : sizeof(status));
    return STEK_OK;
}
