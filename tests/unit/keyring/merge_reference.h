/* SPDX-License-Identifier: Apache-2.0 */
/* What a merge must give, computed another way: a ring is the unsorted heap of everything ever
 * said about its keys; merging is piling up; the ring is read off by looking through the whole
 * heap for each question. No order, no in-place work, no incremental state. */
#ifndef STEK_TESTS_UNIT_KEYRING_MERGE_REFERENCE_H
#define STEK_TESTS_UNIT_KEYRING_MERGE_REFERENCE_H

#include <stdbool.h>

#include "keyring/keyring.h"

#define REFERENCE_HEAP_MAX 96

struct reference {
    struct key said[REFERENCE_HEAP_MAX];
    size_t count;
};

void reference_pile(struct reference *heap, const struct keyring *ring);
/* True when `ring` is what the heap says. */
bool reference_agrees(const struct reference *heap, const struct keyring *ring);

#endif
