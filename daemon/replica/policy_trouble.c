/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/policy_trouble.h"

#include <string.h>

void policy_trouble_note(struct errbuf *trouble, const struct policy *policy,
                         const struct wire_record *record)
{
    uint8_t hash[POLICY_HASH_LEN];

    trouble->text[0] = '\0';
    if (policy_hash(policy, hash) == ERR_OK &&
        memcmp(hash, record->policy_hash, POLICY_HASH_LEN) != 0) {
        errbuf_set(trouble,
                   "daemon '%s' put the record under another policy for this realm; if all "
                   "configurations agree by now, the next put ends this",
                   record->writer);
    }
}
