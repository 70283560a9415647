/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the driver looks whether our certificate has been renewed, and what is wrong with that: a
 * new connection looks anyhow; one that stands must look in time. Every RENEWAL_LOOK_MS, and as
 * the end comes near each second.
 */
#ifndef STEK_SRC_RENEWAL_H
#define STEK_SRC_RENEWAL_H

#include <stdint.h>

#include "src/credentials.h"

#define RENEWAL_LOOK_MS INT64_C(10000)

struct renewal {
    struct credentials *credentials; /* borrowed; NULL: nothing is ever due */
    int64_t look_at;                 /* boot ms */
    uint64_t version;                /* of the credentials judged last */
    struct errbuf trouble;           /* "" when all is well */
};

void renewal_init(struct renewal *renewal, struct credentials *credentials);
/* Boot ms, or INT64_MAX. */
int64_t renewal_due(const struct renewal *renewal);
/* Looks if that is due, or somebody else has found new files, and says in `trouble`: new files that
 * are no good, or a certificate of whose life less than a tenth is left. */
void renewal_step(struct renewal *renewal, int64_t boot_ms, int64_t wall_ms);

#endif
