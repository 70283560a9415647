/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_ops.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/app_private.h"
#include "app/app_tls.h"
#include "host/notify.h"
#include "keyring/schedule.h"
#include "ops/metrics.h"
#include "ops/ops_http.h"
#include "serve/router.h"
#include "serve/rpc_health.h"
#include "serve/serve_counts.h"
#include "wire/grpc_status.h"
#include "wire/tls_context.h"

/* KEY_FORGOTTEN is not shown: such an entry is as good as gone. */
#define STATES_SHOWN 5
#define CALLS_MAX    (SERVE_METHODS_MAX * SERVE_STATUSES)
#define CONTEXTS_MAX (CONFIG_LISTENERS_MAX + 1)

struct app_ops {
    const struct app *app;
    struct notify *notify; /* owned */
    struct ops_http *http; /* owned; NULL: not asked for */
    bool is_stopping;
};

/* ---- facts ---- */

struct realm_facts {
    struct metrics_realm *realms;
    struct metrics_keys (*keys)[STATES_SHOWN];
};

static void count_keys(const struct keyring *ring, int64_t now,
                       struct metrics_keys out[STATES_SHOWN])
{
    static const enum key_state shown[STATES_SHOWN] = {KEY_NEXT, KEY_ACTIVE, KEY_RETIRED,
                                                       KEY_DROPPED, KEY_REVOKED};

    for (size_t s = 0; s < STATES_SHOWN; s++) {
        out[s] = (struct metrics_keys){.state = key_state_text(shown[s])};
        for (size_t i = 0; i < ring->count; i++) {
            out[s].count += key_state_at(&ring->keys[i], now) == shown[s] ? 1 : 0;
        }
    }
}

/* When the next published key begins; 0: none is published. */
static int64_t next_rotation(const struct keyring *ring, int64_t now)
{
    int64_t first = 0;

    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        bool is_next = key->has_bytes && !key->revoked && key->active_from > now;
        if (is_next && (first == 0 || key->active_from < first)) {
            first = key->active_from;
        }
    }
    return first;
}

static void collect_realm(const struct app_ops *ops, const struct app_realm *realm,
                          struct metrics_keys keys[STATES_SHOWN], struct metrics_realm *out)
{
    struct replica *replica = realm->replica;
    const struct keyring *ring = replica_ring(replica);
    const struct rotator_stats *stats = rotator_get_stats(realm->rotator);
    int64_t now = replica_now(replica);
    const struct key *active = keyring_pick(ring, now);

    count_keys(ring, now, keys);
    *out = (struct metrics_realm){
        .realm = replica_realm(replica),
        .is_ready = replica_is_ready(replica),
        .is_suspect = replica_is_suspect(replica),
        .policy_differs = replica_policy_differs(replica),
        .is_store_up = replica_store_is_reachable(replica),
        .has_active = active != NULL,
        .active_from_ms = active != NULL ? active->active_from : 0,
        .next_rotation_ms = next_rotation(ring, now),
        .rotate_every_ms = replica_policy(replica)->rotate_every_ms,
        .rotations = app_journal_rotations(realm->journal),
        .puts = stats->puts,
        .conflicts = stats->conflicts,
        .put_failures = stats->put_failures,
        .heals = stats->heals,
        .records_refused = replica_last_stored(replica)->refused,
        .keys_created = stats->keys_created,
        .keys = keys,
        .keys_count = STATES_SHOWN,
    };
    hub_count(ops->app->services.hub, out->realm, &out->watchers, &out->watchers_current);
}

/* Only what has happened: most methods never end in most ways. */
static size_t collect_calls(const struct serve_stats *stats, struct metrics_calls out[CALLS_MAX])
{
    size_t count = 0;

    for (size_t m = 0; m <= router_method_count(); m++) {
        bool is_known = m < router_method_count();
        for (unsigned s = 0; s < SERVE_STATUSES; s++) {
            if (stats->calls_ended[m][s] == 0) {
                continue;
            }
            out[count++] = (struct metrics_calls){
                .method = is_known ? router_method_at(m)->path + 1 : "unknown",
                .status = grpc_status_name(s),
                .count = stats->calls_ended[m][s],
            };
        }
    }
    return count;
}

static size_t collect_contexts(const struct app *app, struct metrics_context out[CONTEXTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i <= app->config->listener_count; i++) {
        const bool is_redis = i == app->config->listener_count;
        const SSL_CTX *context = is_redis ? app->material.redis : app->material.listeners[i];
        if (context == NULL) {
            continue;
        }
        (void)snprintf(out[count].name, sizeof(out[count].name), is_redis ? "store" : "listen[%zu]",
                       i);
        out[count].not_after_ms = tls_context_not_after_ms(context);
        out[count].crl_until_ms = tls_context_crl_until_ms(context);
        count++;
    }
    return count;
}

static void print_facts(const struct app_ops *ops, const struct metrics_realm *realms, FILE *to)
{
    const struct services *services = &ops->app->services;
    const struct serve_stats *stats = services->stats;
    struct metrics_calls calls[CALLS_MAX];
    struct metrics_count tls[SERVE_COUNTS_MAX];
    struct metrics_count limits[SERVE_COUNTS_MAX];
    struct metrics_count refusals[SERVE_COUNTS_MAX];
    struct metrics_count redis[STORE_REDIS_COUNTS];
    struct metrics_count http[OPS_HTTP_RESULTS];
    struct metrics_context contexts[CONTEXTS_MAX];
    const struct metrics_facts facts = {
        .version = services->version,
        .store_type = services->store_type,
        .started_ms = services->started_ms,
        .connections = stats->connections,
        .connections_accepted = stats->accepted,
        .connections_refused = stats->refused,
        .handshakes = stats->handshakes,
        .connections_cut = stats->rechecks_closed,
        .calls_cut = stats->rechecks_ended,
        .tls = tls,
        .tls_count = serve_counts_of_handshakes(stats, tls),
        .limits = limits,
        .limit_count = serve_counts_of_limits(stats, limits),
        .refusals = refusals,
        .refusal_count = serve_counts_of_refusals(stats, refusals),
        .denied = stats->calls_denied,
        .log_lines_dropped = log_get_dropped(services->log),
        .reloads_done = ops->app->reloads.done,
        .reloads_failed = ops->app->reloads.failed,
        .reload_last_ms = ops->app->reloads.last_ms,
        .reload_is_good = ops->app->reloads.is_good,
        .contexts = contexts,
        .context_count = collect_contexts(ops->app, contexts),
        .has_redis = ops->app->storage.type == CONFIG_STORE_REDIS,
        .is_redis_up = ops->app->storage.redis.is_up,
        .redis = redis,
        .redis_count = store_redis_counts(&ops->app->storage.redis, redis),
        .http = http,
        .http_count = ops->http != NULL ? ops_http_counts(ops->http, http) : 0,
        .realms = realms,
        .realm_count = ops->app->realms.count,
        .calls = calls,
        .call_count = collect_calls(stats, calls),
    };

    metrics_print(to, &facts);
}

void app_ops_print_metrics(const struct app_ops *ops, FILE *to)
{
    size_t count = ops->app->realms.count;
    struct realm_facts facts = {
        .realms = calloc(count, sizeof(*facts.realms)),
        .keys = calloc(count, sizeof(*facts.keys)),
    };

    /* Without memory there is no page, rather than one that lacks realms. */
    if (facts.realms != NULL && facts.keys != NULL) {
        for (size_t i = 0; i < count; i++) {
            collect_realm(ops, ops->app->realms.at[i], facts.keys[i], &facts.realms[i]);
        }
        print_facts(ops, facts.realms, to);
    }
    free(facts.realms);
    free(facts.keys);
}

static void on_metrics(void *ctx, FILE *to)
{
    const struct app_ops *ops = ctx;

    app_ops_print_metrics(ops, to);
}

/* ---- what is wrong with the daemon as a whole ---- */

static void add_problem(struct service_problems *out, const char *text)
{
    if (out->count < SERVICE_PROBLEMS_MAX) {
        errbuf_set(&out->at[out->count++], "%s", text);
    }
}

static void add_expiry(const struct app *app, const SSL_CTX *context, const struct config_tls *tls,
                       struct service_problems *out)
{
    struct app_tls_lines lines = {.count = 0};

    if (context != NULL) {
        app_tls_describe_expiry(context, tls, clock_wall_ms(&app->clock), &lines);
    }
    for (size_t i = 0; i < lines.count; i++) {
        add_problem(out, lines.at[i].text);
    }
}

void app_ops_collect_problems(void *ctx, struct service_problems *out)
{
    const struct app *app = ctx;

    if (app->reloads.problem.text[0] != '\0') {
        add_problem(out, app->reloads.problem.text);
    }
    for (size_t i = 0; i < app->config->listener_count; i++) {
        add_expiry(app, app->material.listeners[i], &app->config->listeners[i].tls, out);
    }
    add_expiry(app, app->material.redis, &app->config->store.tls, out);
}

/* ---- health and state ---- */

static bool is_ready(void *ctx, char *why, size_t cap)
{
    const struct app_ops *ops = ctx;

    if (ops->is_stopping) {
        (void)snprintf(why, cap, "the daemon is stopping");
        return false;
    }
    if (health_is_serving(ops->app->health)) {
        return true;
    }
    for (size_t i = 0; i < ops->app->realms.count; i++) {
        const struct replica *replica = ops->app->realms.at[i]->replica;
        if (!replica_is_ready(replica)) {
            (void)snprintf(why, cap, "realm %s: its record has not been loaded yet",
                           replica_realm(replica));
            return false;
        }
    }
    return false;
}

/* For `systemctl status`. */
static void describe(void *ctx, char *text, size_t cap)
{
    const struct app_ops *ops = ctx;
    uint32_t watchers = 0;
    uint32_t current = 0;

    if (!is_ready(ctx, text, cap)) {
        return;
    }
    if (ops->app->reloads.problem.text[0] != '\0') {
        (void)snprintf(text, cap, "%s", ops->app->reloads.problem.text);
        return;
    }
    for (size_t i = 0; i < ops->app->realms.count; i++) {
        const struct replica *replica = ops->app->realms.at[i]->replica;
        uint32_t all = 0;
        uint32_t good = 0;
        hub_count(ops->app->services.hub, replica_realm(replica), &all, &good);
        watchers += all;
        current += good;
        if (replica_problem(replica)[0] != '\0') {
            (void)snprintf(text, cap, "realm %s: %s", replica_realm(replica),
                           replica_problem(replica));
            return;
        }
    }
    (void)snprintf(text, cap, "realms: %zu; watches: %u, of which current: %u",
                   ops->app->realms.count, watchers, current);
}

void app_ops_ready(struct app_ops *ops)
{
    struct errbuf why = {""};

    if (notify_ready(ops->notify, &why) != ERR_OK) {
        log_write(ops->app->services.log, LOG_LEVEL_WARNING, "manager-not-told",
                  LOG_FIELDS(log_string("why", why.text)));
    }
}

void app_ops_reloading(struct app_ops *ops)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    notify_reloading(ops->notify, (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void app_ops_stopping(struct app_ops *ops)
{
    ops->is_stopping = true;
    notify_stopping(ops->notify);
}

/* ---- begin and end ---- */

static enum err listen_on(struct app_ops *ops, struct errbuf *why)
{
    const struct config_http *http = &ops->app->config->http;
    const struct ops_http_options options = {
        .base = ops->app->base,
        .address = http->address,
        .port = http->port,
        .timeout_ms = OPS_HTTP_TIMEOUT_MS,
        .print_metrics = on_metrics,
        .is_ready = is_ready,
        .ctx = ops,
    };

    return http->address[0] == '\0' ? ERR_OK : ops_http_new(&options, &ops->http, why);
}

enum err app_ops_new(const struct app *app, struct app_ops **out_ops, struct errbuf *why)
{
    struct app_ops *ops = calloc(1, sizeof(*ops));

    if (ops == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    ops->app = app;
    const struct notify_options notify = {
        .socket = getenv("NOTIFY_SOCKET"),
        .watchdog_usec = getenv("WATCHDOG_USEC"),
        .watchdog_pid = getenv("WATCHDOG_PID"),
        .pid = getpid(),
        .timers = &app->timers,
        .describe = describe,
        .ctx = ops,
    };
    enum err rc = notify_new(&notify, &ops->notify, why);
    if (rc == ERR_OK) {
        rc = listen_on(ops, why);
    }
    if (rc != ERR_OK) {
        app_ops_free(ops);
        return rc;
    }
    *out_ops = ops;
    return ERR_OK;
}

void app_ops_free(struct app_ops *ops)
{
    if (ops == NULL) {
        return;
    }
    ops_http_free(ops->http);
    notify_free(ops->notify);
    free(ops);
}
