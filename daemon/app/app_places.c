/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_places.h"

#include "ops/ops_http.h"
#include "serve/server.h"

/* Standard files, the loop, its signals, the service manager, the store, and what is opened for a
 * moment: a record, a certificate, what a library reads. */
#define BASE       32
#define PEERS_MIN  8 /* with fewer, one busy frontend would keep out the rest */
#define GUEST_PART 8 /* of so many peers one may be in its handshake */

static size_t set_aside(const struct config *config)
{
    const size_t http = config->http.address[0] == '\0' ? 0 : 1 + OPS_HTTP_CONNECTIONS_MAX;

    return BASE + config->listener_count + http;
}

size_t app_places_wanted(const struct config *config)
{
    return set_aside(config) + SERVER_CONNECTIONS_MAX + SERVER_HANDSHAKES_MAX;
}

enum err app_places_make(const struct config *config, uint64_t descriptors, struct app_places *out,
                         struct errbuf *why)
{
    const size_t aside = set_aside(config);

    if (descriptors == 0 || descriptors >= app_places_wanted(config)) {
        *out = (struct app_places){SERVER_CONNECTIONS_MAX, SERVER_HANDSHAKES_MAX};
        return ERR_OK;
    }
    if (descriptors < aside + PEERS_MIN) {
        errbuf_set(why,
                   "%llu descriptors (RLIMIT_NOFILE) are too few: this configuration takes %zu at "
                   "least, %zu for all it may serve (LimitNOFILE in the systemd unit, ulimit -Hn)",
                   (unsigned long long)descriptors, aside + PEERS_MIN, app_places_wanted(config));
        return ERR_LIMIT;
    }
    const uint32_t peers = (uint32_t)(descriptors - aside);
    const uint32_t guests = peers / GUEST_PART;
    const uint32_t handshakes = guests < SERVER_HANDSHAKES_MAX ? guests : SERVER_HANDSHAKES_MAX;
    const uint32_t rest = peers - handshakes;
    *out = (struct app_places){rest < SERVER_CONNECTIONS_MAX ? rest : SERVER_CONNECTIONS_MAX,
                               handshakes};
    return ERR_OK;
}
