/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/act_apply.h"

#include <string.h>

static bool is_sealed_by_the_present_key(const struct act_place *place)
{
    uint8_t id[SEALING_KEY_ID_LEN];

    place->sealing->seals_by(place->sealing->ctx, id);
    return place->stored->present && place->stored->unreadable == ERR_OK &&
           memcmp(id, place->stored->sealed_by, sizeof(id)) == 0;
}

enum err act_apply(const struct act *act, const struct act_place *place, struct keyring *next,
                   struct change_result *out, struct errbuf *why)
{
    if (act->kind == ACT_ROTATE) {
        return change_rotate(next, place->policy, act->retire, place->now, place->random, out, why);
    }
    *out = (struct change_result){.changed = !is_sealed_by_the_present_key(place)};
    return ERR_OK;
}
