/* SPDX-License-Identifier: Apache-2.0 */
/* Policies are configuration and never merged; that two daemons' differ is a warning. */
#ifndef STEKD_REPLICA_POLICY_TROUBLE_H
#define STEKD_REPLICA_POLICY_TROUBLE_H

#include "base/err.h"
#include "keyring/policy.h"
#include "wire/messages.h"

/* "" if the record was put under this policy, else the sentence. */
void policy_trouble_note(struct errbuf *trouble, const struct policy *policy,
                         const struct wire_record *record);

#endif
