/* SPDX-License-Identifier: Apache-2.0 */
/* What an act that waits for the store does to the ring that is to be put. */
#ifndef STEKD_ROTATE_ACT_APPLY_H
#define STEKD_ROTATE_ACT_APPLY_H

#include "base/random.h"
#include "replica/replica.h"
#include "rotate/act_queue.h"

/* Everything is borrowed during the call. */
struct act_place {
    const struct policy *policy;
    const struct stored_record *stored;
    const struct sealing *sealing; /* NULL: records are not sealed */
    const struct random_source *random;
    int64_t now;
};

/* out->changed: it must be put. ACT_REKEY changes no key: what is put is sealed anew by being put,
 * and needs no put if it is sealed under the key that seals now. Errors of change_rotate(). */
enum err act_apply(const struct act *act, const struct act_place *place, struct keyring *next,
                   struct change_result *out, struct errbuf *why) MUST_USE;

#endif
