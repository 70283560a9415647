/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzers share: their entry, the time they live in, and how they look at bytes. */
#ifndef STEK_TESTS_FUZZ_FUZZ_H
#define STEK_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Unix ms; the same in every run. */
#define FUZZ_NOW INT64_C(1750000000000)

/* libFuzzer's entry; replay.c calls it for each file of a corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy that ends in NUL; a NUL within ends it earlier. The caller frees it. */
char *fuzz_text(struct slice bytes);
/* What is before the first `end` byte, or all; *rest stands behind it. */
struct slice fuzz_cut(struct slice *rest, uint8_t end);

/* "Untouched on failure": fuzz_stain() before the call, fuzz_is_stained() after one that failed. */
void fuzz_stain(void *at, size_t len);
bool fuzz_is_stained(const void *at, size_t len);

#endif
