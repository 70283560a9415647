/* SPDX-License-Identifier: Apache-2.0 */
/* What the library's own files share about a client. Not installed. */
#ifndef STEK_SRC_CLIENT_INTERNAL_H
#define STEK_SRC_CLIENT_INTERNAL_H

#include "base/clock.h"
#include "src/ringmap.h"

struct stek_client;

/* Borrowed for the client's life. */
struct ringmap *client_ringmap(struct stek_client *client);
const struct clock *client_clock(struct stek_client *client);

/* A client over a mapping that the caller fills: for tests. It follows nobody, so never start it.
 * `map` moves to the client, `clock` is borrowed. NULL when out of memory: `map` is then still the
 * caller's. Freed by stek_client_free(). */
struct stek_client *client_new_with(struct ringmap *map, const struct clock *clock);

#endif
