/* SPDX-License-Identifier: Apache-2.0 */
/* A mapping with realm "web" and rings to put into it, for the tests of libstek. Everything here
 * aborts the test when it cannot do its work. */
#ifndef STEK_TESTS_UNIT_CLIENT_RING_BENCH_H
#define STEK_TESTS_UNIT_CLIENT_RING_BENCH_H

#include "../keyring/fixture.h"
#include "src/ringmap.h"

#define BENCH_BOOT INT64_C(5000) /* boot clock at which fleet time is T0 */

/* Realm "web" (0) and "api" (1), four contexts, fleet time T0 at BENCH_BOOT. */
struct ringmap *bench_map(void);
/* The boot clock's reading when fleet time is `fleet_ms`. */
int64_t bench_boot_at(int64_t fleet_ms);
/* Publishes for realm "web", all keys scheduled. */
void bench_publish(struct ringmap *map, const struct keyring *ring, const struct policy *policy);
/* With `scheduled` and as_of given. */
enum err bench_publish_as(struct ringmap *map, const struct keyring *ring, const bool *scheduled,
                          const struct policy *policy, int64_t as_of);
size_t bench_register(struct ringmap *map, const char *context);
/* True when `found` is `key` with the subkeys that belong to it in `context`. */
bool bench_is_key(const struct ringmap_key *found, const struct key *key, const char *context);
bool bench_is_zero(const void *bytes, size_t len);

#endif
