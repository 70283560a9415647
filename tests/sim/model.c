/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/model.h"

#include <stdlib.h>
#include <string.h>

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

const struct model_key *model_find(const struct model *model, const uint8_t name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < model->count; i++) {
        if (memcmp(model->keys[i].name, name, KEY_NAME_LEN) == 0) {
            return &model->keys[i];
        }
    }
    return NULL;
}

static struct model_key *find_or_add(struct model *model, const struct key *key)
{
    for (size_t i = 0; i < model->count; i++) {
        if (memcmp(model->keys[i].name, key->name, KEY_NAME_LEN) == 0) {
            return &model->keys[i];
        }
    }
    if (model->count == MODEL_KEYS_MAX) {
        abort();
    }
    struct model_key *added = &model->keys[model->count++];
    *added = (struct model_key){.published_at = key->published_at,
                                .active_from = INT64_MAX,
                                .retired_from = INT64_MAX,
                                .dropped_from = INT64_MAX};
    memcpy(added->name, key->name, KEY_NAME_LEN);
    return added;
}

void model_take(struct model *model, const struct wire_snapshot *snapshot)
{
    for (size_t i = 0; i < model->count; i++) {
        model->keys[i].is_scheduled = false;
    }
    for (size_t i = 0; i < snapshot->ring.count; i++) {
        const struct key *key = &snapshot->ring.keys[i];
        struct model_key *known = find_or_add(model, key);
        known->active_from = earlier(known->active_from, key->active_from);
        known->retired_from = earlier(known->retired_from, key->retired_from);
        known->dropped_from = earlier(known->dropped_from, key->dropped_from);
        known->is_gone |= key->revoked || !key->has_bytes;
        known->is_scheduled = true;
    }
}

bool model_may_encrypt(const struct model_key *key, int64_t now)
{
    return !key->is_gone && key->is_scheduled && key->active_from <= now && now < key->retired_from;
}

bool model_may_decrypt(const struct model_key *key, int64_t now)
{
    return !key->is_gone && now < key->dropped_from;
}
