/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_redis.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis_watch.h"
#include "store/store_redis_private.h"

void store_redis_destroy(struct store_redis *store)
{
    timer_free(store->timers, store->turn);
    timer_free(store->timers, store->deadline);
    hint_list_fini(&store->watchers);
    redis_server_fini(&store->server);
    redis_sentinels_fini(&store->sentinels);
    redis_dns_fini(&store->dns);
    free(store);
}

void store_redis_enter(struct store_redis *store)
{
    store->depth++;
}

void store_redis_leave(struct store_redis *store)
{
    store->depth--;
    if (store->is_closed && store->depth == 0) {
        store_redis_destroy(store);
    }
}

/* --- hints --- */

static void on_changed(void *ctx, const char *realm)
{
    struct store_redis *store = ctx;

    store_redis_enter(store);
    hint_list_mark(&store->watchers, realm);
    hint_list_give(&store->watchers, &store->is_closed);
    store_redis_leave(store);
}

/* A Sentinel says so: a hint, like all of these. */
static void on_master(void *ctx, const struct redis_endpoint *at)
{
    struct store_redis *store = ctx;

    store_redis_enter(store);
    redis_link_follow(store->link, at);
    if (!store->is_closed) {
        redis_hints_follow(store->hints, at);
    }
    store_redis_leave(store);
}

/* --- the interface --- */

static void redis_start(struct store *base, struct store_op *op)
{
    store_redis_start_job((struct store_redis *)base, op);
}

static void redis_cancel(struct store *base, struct store_op *op)
{
    store_redis_cancel_job((struct store_redis *)base, op);
}

static enum err redis_watch(struct store *base, const char *realm, store_changed_fn changed,
                            void *ctx)
{
    return hint_list_watch(&((struct store_redis *)base)->watchers, realm, changed, ctx);
}

static void redis_close(struct store *base)
{
    struct store_redis *store = (struct store_redis *)base;

    store_redis_cancel_jobs(store);
    store->is_closed = true;
    redis_watch_close(store->watch);
    redis_hints_close(store->hints);
    redis_link_close(store->link);
    timer_disarm(store->timers, store->turn);
    timer_disarm(store->timers, store->deadline);
    store->stats->is_open = false;
    store->stats->is_up = false;
    if (store->depth == 0) {
        store_redis_destroy(store);
    }
}

static void redis_place(const struct store *base, const char *realm, struct errbuf *out)
{
    char key[REDIS_KEY_MAX];

    redis_names_key(&((const struct store_redis *)base)->names, realm, key);
    errbuf_set(out, "Redis key %s", key);
}

static const struct store_ops redis_ops = {
    .type = "redis",
    .load = redis_start,
    .put = redis_start,
    .cancel = redis_cancel,
    .watch = redis_watch,
    .close = redis_close,
    .place = redis_place,
};

/* --- life --- */

static enum err open_links(struct store_redis *store, const struct store_redis_options *options)
{
    const struct redis_link_options link = {
        .base = options->base,
        .timers = options->timers,
        .random = options->random,
        .server = &store->server,
        .sentinels = &store->sentinels,
        .dns = &store->dns,
        .timeout_ms = options->timeout_ms,
    };
    const struct redis_link_owner owner = store_redis_link_owner(store);
    const struct redis_hints_options hints = {.link = &link,
                                              .channel = store->names.channel,
                                              .on_changed = on_changed,
                                              .ctx = store,
                                              .stats = &options->stats->hints};
    const struct redis_watch_options watch = {
        .link = &link, .on_master = on_master, .ctx = store, .stats = &options->stats->watch};

    enum err rc = redis_link_open(&link, &owner, &store->link);
    if (rc == ERR_OK) {
        rc = redis_hints_open(&hints, &store->hints);
    }
    if (rc == ERR_OK && store->sentinels.count > 0) {
        rc = redis_watch_open(&watch, &store->watch);
    }
    return rc;
}

static enum err build(struct store_redis *store, const struct store_redis_options *options)
{
    if (store->turn == NULL || store->deadline == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = redis_server_init(&store->server, &options->address);
    if (rc == ERR_OK && options->sentinel.master != NULL) {
        rc = redis_sentinels_init(&store->sentinels, &options->sentinel);
    }
    if (rc == ERR_OK) {
        rc = redis_names_init(&store->names, options->prefix);
    }
    if (rc == ERR_OK) {
        redis_server_set_tls(&store->server, options->tls);
        rc = open_links(store, options);
    }
    return rc;
}

enum err store_redis_new(const struct store_redis_options *options, struct store **out_store)
{
    struct store_redis *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return ERR_NOMEM;
    }
    store->base.ops = &redis_ops;
    store->clock = options->clock;
    store->timers = options->timers;
    store->timeout_ms = options->timeout_ms;
    store->stats = options->stats;
    store->turn = timer_new(options->timers, store_redis_on_turn, store);
    store->deadline = timer_new(options->timers, store_redis_on_deadline, store);
    *options->stats = (struct store_redis_stats){.is_open = true};
    enum err rc = build(store, options);
    if (rc != ERR_OK) {
        options->stats->is_open = false;
        redis_hints_close(store->hints);
        redis_link_close(store->link);
        store_redis_destroy(store);
        return rc;
    }
    *out_store = &store->base; /* moves to the caller */
    return ERR_OK;
}

void store_redis_set_tls(struct store *base, SSL_CTX *tls)
{
    assert(base->ops == &redis_ops);
    redis_server_set_tls(&((struct store_redis *)base)->server, tls);
}

void store_redis_swap_password(struct store *base, struct secret_buf *password)
{
    struct store_redis *store = (struct store_redis *)base;
    const struct secret_buf before = store->server.password;

    assert(base->ops == &redis_ops);
    store->server.password = *password;
    *password = before;
}

size_t store_redis_counts(const struct store_redis_stats *stats,
                          struct metrics_count out[STORE_REDIS_COUNTS])
{
    const struct metrics_count counts[STORE_REDIS_COUNTS] = {
        {"connected", stats->connects},
        {"connection-lost", stats->losses},
        {"command-sent", stats->commands},
        {"command-refused", stats->refusals},
        {"command-timed-out", stats->timeouts},
        {"script-sent", stats->evals},
        {"hint-heard", stats->hints.heard},
        {"hint-refused", stats->hints.refused},
        {"master-switched", stats->watch.switches},
        {"sentinel-lost", stats->watch.losses},
    };

    memcpy(out, counts, sizeof(counts));
    return STORE_REDIS_COUNTS;
}
