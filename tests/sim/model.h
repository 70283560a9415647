/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a frontend may do, from the messages it got: a second, simpler telling of R2, R3 and the
 * dates, against which the production follower and mapping are held.
 */
#ifndef STEK_TESTS_SIM_MODEL_H
#define STEK_TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/messages.h"

#define MODEL_KEYS_MAX 128

struct model_key {
    uint8_t name[KEY_NAME_LEN];
    int64_t published_at;
    int64_t active_from;
    int64_t retired_from;
    int64_t dropped_from;
    bool is_gone;      /* revoked, or its bytes were missing once */
    bool is_scheduled; /* in the newest snapshot */
};

struct model {
    struct model_key keys[MODEL_KEYS_MAX];
    size_t count;
};

/* Only of what was accepted as the newest. */
void model_take(struct model *model, const struct wire_snapshot *snapshot);
const struct model_key *model_find(const struct model *model, const uint8_t name[KEY_NAME_LEN]);
bool model_may_encrypt(const struct model_key *key, int64_t now);
bool model_may_decrypt(const struct model_key *key, int64_t now);

#endif
