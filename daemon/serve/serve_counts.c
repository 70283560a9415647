/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serve_counts.h"

#include <string.h>

#include "serve/handshake.h"

_Static_assert(HANDSHAKE_FAILURES < SERVE_COUNTS_MAX, "each has its place");
_Static_assert(H2_REFUSALS <= SERVE_COUNTS_MAX, "likewise");

size_t serve_counts_of_handshakes(const struct serve_stats *stats,
                                  struct metrics_count out[SERVE_COUNTS_MAX])
{
    size_t count = 0;

    out[count++] = (struct metrics_count){"done", stats->handshakes_done};
    for (size_t i = 0; i < HANDSHAKE_FAILURES; i++) {
        out[count++] = (struct metrics_count){handshake_failure_text((enum handshake_failure)i),
                                              stats->handshakes_failed[i]};
    }
    return count;
}

size_t serve_counts_of_limits(const struct serve_stats *stats,
                              struct metrics_count out[SERVE_COUNTS_MAX])
{
    const struct metrics_count rows[] = {
        {"first_request", stats->handshake_timeouts},
        {"idle", stats->idle_timeouts},
        {"stall", stats->stall_timeouts},
        {"drain", stats->drain_timeouts},
        {"connections", stats->limit_reached},
        {"strangers", stats->strangers_refused},
        {"descriptors", stats->descriptors_gone},
        {"protocol", stats->protocol_errors},
        {"unread", stats->unread},
    };

    memcpy(out, rows, sizeof(rows));
    return sizeof(rows) / sizeof(rows[0]);
}

size_t serve_counts_of_refusals(const struct serve_stats *stats,
                                struct metrics_count out[SERVE_COUNTS_MAX])
{
    static const char *const texts[] = {
#define REFUSAL_TEXT(name, text) [(name)] = (text),
        H2_REFUSAL_MAP(REFUSAL_TEXT)
#undef REFUSAL_TEXT
    };

    for (size_t i = 0; i < H2_REFUSALS; i++) {
        out[i] = (struct metrics_count){texts[i], stats->refusals[i]};
    }
    return H2_REFUSALS;
}
