/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many peers there is room for. Descriptors for the store, the HTTP page, files that are read
 * anew and the loop are set aside first, so that peers, however many come, cannot take those:
 * without them a daemon could neither reach Redis again nor write a record.
 */
#ifndef STEKD_APP_APP_PLACES_H
#define STEKD_APP_APP_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"

struct app_places {
    uint32_t connections; /* at most SERVER_CONNECTIONS_MAX */
    uint32_t handshakes;  /* at most SERVER_HANDSHAKES_MAX */
};

/* Descriptors it takes to serve as many peers as may be there. */
size_t app_places_wanted(const struct config *config);

/* With `descriptors` to be had (RLIMIT_NOFILE; 0: as many as wanted). ERR_LIMIT: fewer than it
 * takes to serve anybody; the sentence says how many that would be. */
enum err app_places_make(const struct config *config, uint64_t descriptors, struct app_places *out,
                         struct errbuf *why) MUST_USE;

#endif
