/* SPDX-License-Identifier: Apache-2.0 */
/* What app/ keeps for each realm; in the order of the configuration. */
#ifndef STEKD_APP_APP_REALM_H
#define STEKD_APP_APP_REALM_H

#include "app/app_journal.h"
#include "replica/replica.h"
#include "rotate/rotator.h"

struct app_realm {
    struct replica *replica;     /* owned */
    struct rotator *rotator;     /* owned */
    struct app_journal *journal; /* owned */
};

#endif
