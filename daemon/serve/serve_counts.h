/* SPDX-License-Identifier: Apache-2.0 */
/* What the room has counted, as labelled numbers for the metrics page. */
#ifndef STEKD_SERVE_SERVE_COUNTS_H
#define STEKD_SERVE_SERVE_COUNTS_H

#include <stddef.h>

#include "ops/metrics.h"
#include "serve/services.h"

#define SERVE_COUNTS_MAX 24

/* How TLS handshakes ended: "done", "expired", "unknown_ca", ... Each fills `out` and returns how
 * many there are; zeros are among them, so that a first failure is seen as an increase. */
size_t serve_counts_of_handshakes(const struct serve_stats *stats,
                                  struct metrics_count out[SERVE_COUNTS_MAX]);
/* How often each limit on what a peer can make us hold was reached: "handshake", "idle", ... */
size_t serve_counts_of_limits(const struct serve_stats *stats,
                              struct metrics_count out[SERVE_COUNTS_MAX]);
/* What HTTP/2 sessions refused before any method saw it: "streams", "compressed", ... Likewise. */
size_t serve_counts_of_refusals(const struct serve_stats *stats,
                                struct metrics_count out[SERVE_COUNTS_MAX]);

#endif
