/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/frontends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/codec.h"

/* What an operator must see first comes first, for what comes last may not fit. */
enum rank { RANK_STRAGGLER, RANK_BEHIND, RANK_WELL, RANK_COUNT };

struct collecting {
    struct frontends *frontends;
    const char *realm;
    int64_t now;
    enum rank rank; /* shown in this pass */
    size_t capacity;
    size_t bytes_max;
    uint32_t per_rank[RANK_COUNT];
};

static enum rank rank_of(const struct hub_frontend *frontend)
{
    if (!frontend->has_revocations) {
        return RANK_STRAGGLER;
    }
    return frontend->is_current ? RANK_WELL : RANK_BEHIND;
}

static void count_one(void *ctx, const struct hub_frontend *frontend)
{
    struct collecting *collecting = ctx;
    struct frontends *frontends = collecting->frontends;
    bool is_gone = frontend->left_at != 0;
    enum rank rank = rank_of(frontend);

    frontends->gone += is_gone ? 1 : 0;
    frontends->connected += is_gone ? 0 : 1;
    frontends->current += frontend->is_current ? 1 : 0;
    frontends->confirmed += frontend->has_revocations ? 1 : 0;
    collecting->per_rank[rank]++;
    if (rank == RANK_STRAGGLER) {
        int64_t caught = is_gone ? frontend->left_at : collecting->now;
        frontends->last_caught = caught > frontends->last_caught ? caught : frontends->last_caught;
    }
}

static void describe(const struct hub_frontend *frontend, const char *realm,
                     struct wire_frontend *out)
{
    const struct watcher_info *info = frontend->info;

    *out = (struct wire_frontend){
        .connected_at = info->since,
        .left_at = frontend->left_at,
        .last_heard = info->last_heard,
        .as_of = info->as_of,
        .has_digest = info->has_installed,
        .installed_at = info->installed_at,
        .is_current = frontend->is_current,
        .has_revocations = frontend->has_revocations,
        .clock_skew_ms = info->clock_skew_ms,
        .counters = info->counters,
    };
    (void)snprintf(out->realm, sizeof(out->realm), "%s", realm);
    (void)snprintf(out->name, sizeof(out->name), "%s", info->frontend);
    (void)snprintf(out->identity, sizeof(out->identity), "%s", info->identity);
    (void)snprintf(out->library_version, sizeof(out->library_version), "%s", info->library_version);
    memcpy(out->digest, info->installed, DIGEST_LEN);
}

static void add_one(void *ctx, const struct hub_frontend *frontend)
{
    struct collecting *collecting = ctx;
    struct frontends *frontends = collecting->frontends;

    if (rank_of(frontend) != collecting->rank) {
        return;
    }
    if (frontends->count == collecting->capacity) {
        frontends->omitted++;
        return;
    }
    struct wire_frontend *to = &frontends->at[frontends->count];
    describe(frontend, collecting->realm, to);
    size_t size = wire_frontend_size_max(to);
    if (frontends->bytes + size > collecting->bytes_max) {
        frontends->omitted++;
        return;
    }
    frontends->bytes += size;
    frontends->count++;
}

enum err frontends_collect(struct hub *hub, const char *realm, bool only_stragglers,
                           size_t bytes_max, struct frontends *out)
{
    struct frontends frontends = {0};
    struct collecting collecting = {
        .frontends = &frontends, .realm = realm, .bytes_max = bytes_max};
    struct replica *replica = hub_replica(hub, realm);
    size_t wanted = 0;

    collecting.now = replica == NULL ? 0 : replica_now(replica);
    frontends.lost = hub_visit(hub, realm, count_one, &collecting);
    const enum rank last = only_stragglers ? RANK_STRAGGLER : RANK_WELL;
    for (size_t rank = 0; rank <= (size_t)last; rank++) {
        wanted += collecting.per_rank[rank];
    }
    collecting.capacity = wanted < WIRE_FRONTENDS_MAX ? wanted : WIRE_FRONTENDS_MAX;
    frontends.at = calloc(collecting.capacity + 1, sizeof(*frontends.at));
    if (frontends.at == NULL) {
        return ERR_NOMEM;
    }
    for (size_t rank = 0; rank <= (size_t)last; rank++) {
        collecting.rank = (enum rank)rank;
        (void)hub_visit(hub, realm, add_one, &collecting);
    }
    *out = frontends; /* moves to the caller */
    return ERR_OK;
}

void frontends_fini(struct frontends *frontends)
{
    free(frontends->at);
    *frontends = (struct frontends){0};
}
