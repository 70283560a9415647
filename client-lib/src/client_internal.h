/* SPDX-License-Identifier: Apache-2.0 */
/* What the library's own files share about a client. Not installed. */
#ifndef STEK_SRC_CLIENT_INTERNAL_H
#define STEK_SRC_CLIENT_INTERNAL_H

#include <stek/stek.h>

#include "base/clock.h"
#include "src/ringmap.h"

/* Borrowed for the client's life. */
struct ringmap *client_ringmap(struct stek_client *client);
const struct clock *client_clock(struct stek_client *client);

/* ringmap_find_realm() and ringmap_register(), in the words of the public interface. Outputs are
 * untouched on failure. */
enum stek_status client_find_places(const struct stek_client *client, const char *realm,
                                    const char *context, size_t *out_realm,
                                    size_t *out_context) MUST_USE;

/* A client over a mapping that the caller fills: for tests. It follows nobody, so never start it.
 * `map` moves to the client, `clock` is borrowed. NULL when out of memory: `map` is then still the
 * caller's. Freed by stek_client_free(). */
struct stek_client *client_new_with(struct ringmap *map, const struct clock *clock);

#endif
