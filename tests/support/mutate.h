/* SPDX-License-Identifier: Apache-2.0 */
/* Generated cases: one valid input changed in a few places, the same way for the same seed. */
#ifndef STEK_TESTS_SUPPORT_MUTATE_H
#define STEK_TESTS_SUPPORT_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define MUTATE_SEED UINT64_C(20260401) /* printed by the tests; any other finds other cases */

struct mutate {
    uint64_t state;
};

void mutate_seed(struct mutate *m, uint64_t seed);
uint64_t mutate_next(struct mutate *m);
/* Below `limit`, which is not 0. */
size_t mutate_below(struct mutate *m, size_t limit);

/* One to four changes of `from`, written to `to`: bits and bytes changed, bytes cut, put in,
 * doubled, or replaced by numbers that parsers stumble over. The new length, at most `cap`. */
size_t mutate_bytes(struct mutate *m, struct slice from, uint8_t *to, size_t cap);

#endif
