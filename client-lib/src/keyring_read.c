/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <stek/stek.h>

#include "base/secret.h"
#include "src/client_internal.h"

#define KEY_SIZE_MAX 4096 /* a struct stek_key beyond this is a mistake, not a later version */

static void fill_key(const struct ringmap_key *from, struct stek_key *to)
{
    _Static_assert(sizeof(to->name) == KEY_NAME_LEN && sizeof(to->aes) == SUBKEY_AES_LEN &&
                       sizeof(to->hmac) == SUBKEY_HMAC_LEN,
                   "the public sizes are ours");
    memcpy(to->name, from->name, sizeof(to->name));
    memcpy(to->aes, from->subkeys.aes, sizeof(to->aes));
    memcpy(to->hmac, from->subkeys.hmac, sizeof(to->hmac));
    to->active_from_ms = from->active_from;
    to->retired_from_ms = from->retired_from;
    to->dropped_from_ms = from->dropped_from;
    to->encrypts = from->encrypts ? 1 : 0;
}

static enum stek_status read_keys(struct stek_client *client, size_t context,
                                  struct ringmap_key *keys, size_t *out_count)
{
    enum ringmap_answer answer = RINGMAP_NONE;
    *out_count =
        ringmap_read_all(client_ringmap(client), context, clock_boot_ms(client_clock(client)), keys,
                         RINGMAP_LIVE_MAX, &answer);
    return answer == RINGMAP_FOUND ? STEK_OK : STEK_ERR_NO_KEYS;
}

enum stek_status stek_keyring_read(struct stek_client *client, const char *realm,
                                   const char *context, struct stek_key *keys, size_t key_size,
                                   size_t capacity, size_t *out_count)
{
    size_t realm_at = 0;
    size_t place = 0;
    size_t count = 0;
    if (client == NULL || realm == NULL || context == NULL || out_count == NULL ||
        (keys == NULL && capacity > 0) || key_size < sizeof(*keys) || key_size > KEY_SIZE_MAX) {
        return STEK_ERR_INVALID;
    }
    enum stek_status status = client_find_places(client, realm, context, &realm_at, &place);
    if (status != STEK_OK) {
        return status;
    }
    struct ringmap_key *found = secret_alloc(RINGMAP_LIVE_MAX * sizeof(*found));
    if (found == NULL) {
        return STEK_ERR_LOCKED_MEMORY;
    }
    status = read_keys(client, place, found, &count);
    if (status == STEK_OK && count > capacity) {
        status = STEK_ERR_TOO_SMALL;
        *out_count = count;
    }
    for (size_t i = 0; i < count && status == STEK_OK; i++) {
        uint8_t *at = (uint8_t *)keys + i * key_size;
        memset(at, 0, key_size);
        fill_key(&found[i], (struct stek_key *)(void *)at);
    }
    if (status == STEK_OK) {
        *out_count = count;
    }
    secret_free(found);
    return status;
}

void stek_keyring_wipe(struct stek_key *keys, size_t key_size, size_t count)
{
    if (keys != NULL && key_size > 0) {
        secret_wipe(keys, key_size * count);
    }
}
