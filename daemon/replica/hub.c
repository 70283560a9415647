/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/hub.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "replica/hub_reply.h"
#include "replica/load_pace.h"
#include "replica/ring_changes.h"

/* Watchers called in one loop turn: thousands of them must not hold up everything else. */
#define TURN_MAX 128

enum due {
    DUE_HEARTBEAT = 1,
    DUE_SNAPSHOT = 2, /* carries all a heartbeat does */
    DUE_END = 4,      /* nothing else matters any more */
};

struct hub_realm;

struct watcher {
    struct hub_realm *realm;
    struct watcher_events events;
    struct watcher_info info;
    struct watcher *prev; /* of the realm */
    struct watcher *next;
    int64_t sent_as_of; /* of what went out to it last; 0: nothing did */
    bool has_replaced;  /* an earlier stream of the same frontend was struck out for it */
    unsigned int due;   /* enum due; not 0: it stands in the hub's queue */
    struct watcher *due_prev;
    struct watcher *due_next;
};

struct hub_realm {
    struct hub *hub;
    struct hub_realm *next;
    struct replica *replica; /* borrowed */
    struct timer *heartbeat; /* owned */
    struct watcher *watchers;
    uint64_t policy_changes; /* what the watchers were last told of */
    struct roster gone;
    struct ring_changes changes;
};

struct hub {
    const struct timers *timers;
    struct timer *turn; /* owned */
    struct hub_reply reply;
    struct hub_realm *realms;
    size_t realm_count;
    struct watcher *due_first;
    struct watcher *due_last;
    bool is_draining;
};

/* --- the queue of watchers to be called --- */

static void make_due(struct watcher *watcher, enum due due)
{
    struct hub *hub = watcher->realm->hub;
    bool is_queued = watcher->due != 0;

    watcher->due |= due;
    if (is_queued) {
        return;
    }
    watcher->due_prev = hub->due_last;
    watcher->due_next = NULL;
    if (hub->due_last == NULL) {
        hub->due_first = watcher;
        timer_arm(hub->timers, hub->turn, 0);
    } else {
        hub->due_last->due_next = watcher;
    }
    hub->due_last = watcher;
}

static void take_from_queue(struct watcher *watcher)
{
    struct hub *hub = watcher->realm->hub;

    if (watcher->due == 0) {
        return;
    }
    watcher->due = 0;
    if (watcher->due_prev == NULL) {
        hub->due_first = watcher->due_next;
    } else {
        watcher->due_prev->due_next = watcher->due_next;
    }
    if (watcher->due_next == NULL) {
        hub->due_last = watcher->due_prev;
    } else {
        watcher->due_next->due_prev = watcher->due_prev;
    }
}

/* The watcher may free itself, or any other, in its callback. */
static void call_watcher(struct watcher *watcher, unsigned int due)
{
    const struct watcher_events events = watcher->events;

    if ((due & DUE_END) != 0) {
        events.on_ended(events.ctx, ERR_UNAVAILABLE, "the daemon is stopping");
    } else if ((due & DUE_SNAPSHOT) != 0) {
        events.on_snapshot_due(events.ctx);
    } else {
        events.on_heartbeat_due(events.ctx);
    }
}

static void on_turn(void *arg)
{
    struct hub *hub = arg;

    for (size_t i = 0; i < TURN_MAX && hub->due_first != NULL; i++) {
        struct watcher *watcher = hub->due_first;
        unsigned int due = watcher->due;
        take_from_queue(watcher);
        call_watcher(watcher, due);
    }
    if (hub->due_first != NULL) {
        timer_arm(hub->timers, hub->turn, 0);
    }
}

/* --- news from the replica --- */

static bool has_installed(const struct watcher *watcher, const uint8_t digest[DIGEST_LEN])
{
    return watcher->info.has_installed && memcmp(watcher->info.installed, digest, DIGEST_LEN) == 0;
}

/* Whether watchers have not heard of the policy yet: it travels in snapshots, not in the digest. */
static bool note_policy(struct hub_realm *realm)
{
    uint64_t changes = replica_policy_changes(realm->replica);

    if (changes == realm->policy_changes) {
        return false;
    }
    realm->policy_changes = changes;
    timer_arm(realm->hub->timers, realm->heartbeat,
              load_pace_every(replica_policy(realm->replica)->sync_interval_ms));
    return true;
}

/* An acknowledged digest counts from when this daemon knows it, which may be after it came. */
static void note_installed_change(struct watcher *watcher)
{
    struct watcher_info *info = &watcher->info;
    uint64_t change =
        info->has_installed ? ring_changes_find(&watcher->realm->changes, info->installed) : 0;

    info->installed_change = change > info->installed_change ? change : info->installed_change;
}

static void on_changed(void *ctx)
{
    struct hub_realm *realm = ctx;
    const uint8_t *digest = replica_digest(realm->replica);

    if (!replica_is_ready(realm->replica)) {
        return;
    }
    bool is_new = ring_changes_note(&realm->changes, digest, replica_revocations(realm->replica));
    bool is_other_policy = note_policy(realm);
    for (struct watcher *w = realm->watchers; w != NULL; w = w->next) {
        note_installed_change(w);
        bool is_due = is_other_policy || (is_new && !has_installed(w, digest));
        make_due(w, is_due ? DUE_SNAPSHOT : DUE_HEARTBEAT);
    }
}

static void on_heartbeat_timer(void *arg)
{
    struct hub_realm *realm = arg;
    int64_t every = load_pace_every(replica_policy(realm->replica)->sync_interval_ms);

    timer_arm(realm->hub->timers, realm->heartbeat, every);
    if (!replica_is_ready(realm->replica)) {
        return; /* R5: it knows nothing to say */
    }
    for (struct watcher *w = realm->watchers; w != NULL; w = w->next) {
        make_due(w, DUE_HEARTBEAT);
    }
}

/* --- life --- */

enum err hub_new(const struct timers *timers, struct hub **out_hub)
{
    struct hub *hub = calloc(1, sizeof(*hub));

    if (hub == NULL) {
        return ERR_NOMEM;
    }
    *hub = (struct hub){.timers = timers, .turn = timer_new(timers, on_turn, hub)};
    if (hub->turn == NULL || hub_reply_init(&hub->reply, timers) != ERR_OK) {
        hub_free(hub);
        return ERR_NOMEM;
    }
    *out_hub = hub; /* moves to the caller */
    return ERR_OK;
}

static void free_realm(struct hub_realm *realm)
{
    assert(realm->watchers == NULL);
    replica_unlisten(realm->replica, realm);
    timer_free(realm->hub->timers, realm->heartbeat);
    roster_fini(&realm->gone);
    free(realm);
}

void hub_free(struct hub *hub)
{
    if (hub == NULL) {
        return;
    }
    while (hub->realms != NULL) {
        struct hub_realm *realm = hub->realms;
        hub->realms = realm->next;
        free_realm(realm);
    }
    timer_free(hub->timers, hub->turn);
    hub_reply_fini(&hub->reply);
    free(hub);
}

enum err hub_get_reply(struct hub *hub, struct replica *replica, struct slice *out)
{
    return hub_reply_get(&hub->reply, replica, out);
}

enum err hub_add_realm(struct hub *hub, struct replica *replica)
{
    struct hub_realm *realm = calloc(1, sizeof(*realm));
    enum err rc = ERR_NOMEM;

    if (realm == NULL) {
        goto out;
    }
    realm->hub = hub;
    realm->replica = replica;
    realm->policy_changes = replica_policy_changes(replica);
    realm->heartbeat = timer_new(hub->timers, on_heartbeat_timer, realm);
    if (realm->heartbeat == NULL) {
        goto out;
    }
    const struct replica_events events = {.on_changed = on_changed, .ctx = realm};
    rc = replica_listen(replica, &events);
    if (rc != ERR_OK) {
        goto out;
    }
    struct hub_realm **last = &hub->realms;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = realm; /* moves to the hub */
    hub->realm_count++;
    timer_arm(hub->timers, realm->heartbeat,
              load_pace_every(replica_policy(replica)->sync_interval_ms));
    realm = NULL;

out:
    if (realm != NULL) {
        timer_free(hub->timers, realm->heartbeat);
        free(realm);
    }
    return rc;
}

void hub_remove_realm(struct hub *hub, struct replica *replica)
{
    struct hub_realm **link = &hub->realms;

    while (*link != NULL && (*link)->replica != replica) {
        link = &(*link)->next;
    }
    struct hub_realm *realm = *link;
    if (realm == NULL) {
        return;
    }
    *link = realm->next;
    hub->realm_count--;
    hub_reply_wipe(&hub->reply);
    while (realm->watchers != NULL) {
        struct watcher *watcher = realm->watchers;
        const struct watcher_events events = watcher->events;
        events.on_ended(events.ctx, ERR_DENIED, "the configuration has no such realm any more");
        assert(realm->watchers != watcher);
    }
    free_realm(realm);
}

static struct hub_realm *find_realm(const struct hub *hub, const char *name)
{
    for (struct hub_realm *realm = hub->realms; realm != NULL; realm = realm->next) {
        if (strcmp(replica_realm(realm->replica), name) == 0) {
            return realm;
        }
    }
    return NULL;
}

struct replica *hub_replica(struct hub *hub, const char *realm)
{
    struct hub_realm *found = find_realm(hub, realm);

    return found == NULL ? NULL : found->replica;
}

size_t hub_realm_count(const struct hub *hub)
{
    return hub->realm_count;
}

struct replica *hub_replica_at(struct hub *hub, size_t index)
{
    struct hub_realm *realm = hub->realms;

    assert(index < hub->realm_count);
    for (size_t i = 0; i < index; i++) {
        realm = realm->next;
    }
    return realm->replica;
}

/* --- watchers --- */

enum err hub_watch(struct hub *hub, const struct wire_watch_open *open, const char *identity,
                   const struct watcher_events *events, struct watcher **out_watcher)
{
    struct hub_realm *realm = find_realm(hub, open->realm);

    if (realm == NULL) {
        return ERR_NOT_FOUND;
    }
    if (hub->is_draining) {
        return ERR_UNAVAILABLE;
    }
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    if (watcher == NULL) {
        return ERR_NOMEM;
    }
    watcher->realm = realm;
    watcher->events = *events;
    roster_fill_info(&watcher->info, open, identity, replica_now(realm->replica));
    watcher->has_replaced =
        roster_strike(&realm->gone, watcher->info.frontend, watcher->info.identity);
    note_installed_change(watcher);
    watcher->next = realm->watchers;
    if (watcher->next != NULL) {
        watcher->next->prev = watcher;
    }
    realm->watchers = watcher;
    if (replica_is_ready(realm->replica)) {
        bool is_current = has_installed(watcher, replica_digest(realm->replica));
        make_due(watcher, is_current ? DUE_HEARTBEAT : DUE_SNAPSHOT);
    }
    *out_watcher = watcher; /* moves to the caller */
    return ERR_OK;
}

static bool is_same_frontend(const struct watcher_info *a, const struct watcher_info *b)
{
    return strcmp(a->frontend, b->frontend) == 0 && strcmp(a->identity, b->identity) == 0;
}

/* Its frontend has opened a stream after this one was last heard: it is here. */
static bool has_come_back(const struct watcher *left)
{
    for (struct watcher *w = left->realm->watchers; w != NULL; w = w->next) {
        if (w != left && !w->has_replaced && w->info.since >= left->info.last_heard &&
            is_same_frontend(&w->info, &left->info)) {
            w->has_replaced = true;
            return true;
        }
    }
    return false;
}

static void put_down(const struct watcher *watcher)
{
    struct hub_realm *realm = watcher->realm;
    int64_t max_offline = replica_policy(realm->replica)->max_offline_ms;
    /* Who stands for an earlier stream has what that had. */
    bool has_keys = watcher->sent_as_of + watcher->info.has_installed + watcher->has_replaced > 0;
    struct roster_entry entry = {.info = watcher->info, .left_at = replica_now(realm->replica)};

    entry.forget_at = roster_forget_at(replica_ring(realm->replica), max_offline, entry.left_at);
    roster_forget(&realm->gone, entry.left_at);
    if (has_keys && entry.forget_at > entry.left_at && !has_come_back(watcher)) {
        roster_put(&realm->gone, &entry);
    }
}

void watcher_free(struct watcher *watcher)
{
    if (watcher == NULL) {
        return;
    }
    put_down(watcher);
    take_from_queue(watcher);
    if (watcher->prev == NULL) {
        watcher->realm->watchers = watcher->next;
    } else {
        watcher->prev->next = watcher->next;
    }
    if (watcher->next != NULL) {
        watcher->next->prev = watcher->prev;
    }
    free(watcher);
}

void watcher_sent(struct watcher *watcher, int64_t as_of_ms)
{
    watcher->sent_as_of = as_of_ms;
}

void watcher_ack(struct watcher *watcher, const struct wire_watch_ack *ack)
{
    struct watcher_info *info = &watcher->info;

    info->counters = ack->counters;
    info->clock_skew_ms = ack->clock_skew_ms;
    info->last_heard = replica_now(watcher->realm->replica);
    info->as_of = watcher->sent_as_of;
    if (ack->has_digest && !has_installed(watcher, ack->digest)) {
        info->has_installed = true;
        memcpy(info->installed, ack->digest, DIGEST_LEN);
        info->installed_at = info->last_heard;
        note_installed_change(watcher);
    }
}

const struct watcher_info *watcher_get_info(const struct watcher *watcher)
{
    return &watcher->info;
}

void hub_count(const struct hub *hub, const char *realm, uint32_t *out_watchers,
               uint32_t *out_current)
{
    const struct hub_realm *found = find_realm(hub, realm);
    uint32_t watchers = 0;
    uint32_t current = 0;

    if (found != NULL) {
        const uint8_t *digest = replica_digest(found->replica);
        for (const struct watcher *w = found->watchers; w != NULL; w = w->next) {
            watchers++;
            current += has_installed(w, digest);
        }
    }
    *out_watchers = watchers;
    *out_current = current;
}

uint64_t hub_visit(struct hub *hub, const char *realm, hub_frontend_fn visit, void *ctx)
{
    struct hub_realm *found = find_realm(hub, realm);

    if (found == NULL) {
        return 0;
    }
    const uint8_t *digest = replica_digest(found->replica);
    for (const struct watcher *w = found->watchers; w != NULL; w = w->next) {
        const struct hub_frontend frontend = {
            .info = &w->info,
            .is_current = has_installed(w, digest),
            .has_revocations = w->info.installed_change >= found->changes.revoked,
        };
        visit(ctx, &frontend);
    }
    roster_forget(&found->gone, replica_now(found->replica));
    for (size_t i = 0; i < found->gone.count; i++) {
        const struct roster_entry *entry = &found->gone.at[i];
        const struct hub_frontend frontend = {
            .info = &entry->info,
            .left_at = entry->left_at,
            .has_revocations = entry->info.installed_change >= found->changes.revoked,
        };
        visit(ctx, &frontend);
    }
    return found->gone.lost;
}

void hub_drain(struct hub *hub)
{
    hub->is_draining = true;
    for (struct hub_realm *realm = hub->realms; realm != NULL; realm = realm->next) {
        for (struct watcher *w = realm->watchers; w != NULL; w = w->next) {
            make_due(w, DUE_END);
        }
    }
}
