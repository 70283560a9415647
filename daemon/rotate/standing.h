/* SPDX-License-Identifier: Apache-2.0 */
/* How one realm of this daemon stands to its store: whether it may put, and what the store lacks.
 */
#ifndef STEKD_ROTATE_STANDING_H
#define STEKD_ROTATE_STANDING_H

#include <stdbool.h>

#include "base/err.h"
#include "replica/replica.h"

/* Why nothing may be put now, or ERR_OK. ERR_UNAVAILABLE: not ready yet (R5). ERR_REFUSED: the
 * clock is suspect (R10), or the record is one this daemon must not overwrite. */
enum err standing_check(struct replica *replica, struct errbuf *why) MUST_USE;

/* Whether the store, as it was last read or put to, has every revocation this daemon holds. False:
 * `why` says what is in the way; `obstacle` is rotator_problem(). */
bool standing_revocations_are_stored(struct replica *replica, const char *obstacle,
                                     struct errbuf *why);
/* The same for the whole ring. */
bool standing_ring_is_stored(struct replica *replica, const char *obstacle, struct errbuf *why);

#endif
