/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/schedule.h"

bool status_may_operate(const struct services *services, const struct peer *peer, const char *realm)
{
    return authz_decide(services->rules, peer, AUTHZ_OPERATE, realm).is_allowed;
}

bool status_is_visible_to(const struct services *services, const struct peer *peer)
{
    if (status_may_operate(services, peer, NULL)) {
        return true;
    }
    for (size_t i = 0; i < hub_realm_count(services->hub); i++) {
        if (status_may_operate(services, peer, replica_realm(hub_replica_at(services->hub, i)))) {
            return true;
        }
    }
    return false;
}

static void count_keys(const struct keyring *ring, int64_t now, struct wire_realm_status *out)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        if (!key->has_bytes) {
            out->tombstones++;
            continue;
        }
        out->keys++;
        if (!key->revoked && key->active_from > now &&
            (out->next_active_ms == 0 || key->active_from < out->next_active_ms)) {
            out->next_active_ms = key->active_from;
        }
    }
}

/* The first thing that is wrong, in the order of what an operator must know first. */
static void describe_problem(const struct services *services, struct replica *replica, int64_t now,
                             struct wire_realm_status *out)
{
    const struct rotator *rotator = services_find_rotator(services, out->realm);
    const char *problem = replica_problem(replica);
    const char *obstacle = rotator == NULL ? "" : rotator_problem(rotator);
    int64_t first = schedule_first_active(replica_ring(replica), now);

    if (problem[0] != '\0') {
        (void)snprintf(out->problem, sizeof(out->problem), "%s", problem);
    } else if (!replica_is_ready(replica)) {
        (void)snprintf(out->problem, sizeof(out->problem),
                       "not ready: its record has not been loaded yet");
    } else if (replica_is_suspect(replica)) {
        (void)snprintf(out->problem, sizeof(out->problem),
                       "this daemon's clock is suspect: it serves, and changes nothing");
    } else if (obstacle[0] != '\0') {
        (void)snprintf(out->problem, sizeof(out->problem), "%s", obstacle);
    } else if (!out->has_active && first == SCHEDULE_NEVER) {
        (void)snprintf(out->problem, sizeof(out->problem),
                       "no key is active and none is scheduled: no tickets are issued");
    } else if (!out->has_active) {
        (void)snprintf(out->problem, sizeof(out->problem),
                       "no key is active yet: first key active in %lld s",
                       (long long)((first - now + 999) / 1000));
    }
}

void status_of_realm(const struct services *services, struct replica *replica,
                     struct wire_realm_status *out)
{
    const struct keyring *ring = replica_ring(replica);
    int64_t now = replica_now(replica);
    struct wire_realm_status status = {0};

    (void)snprintf(status.realm, sizeof(status.realm), "%s", replica_realm(replica));
    status.ready = replica_is_ready(replica);
    memcpy(status.digest, replica_digest(replica), DIGEST_LEN);
    status.revision = replica_revision(replica);
    count_keys(ring, now, &status);
    const struct key *active = keyring_pick(ring, now);
    if (active != NULL) {
        status.has_active = true;
        memcpy(status.active_name, active->name, KEY_NAME_LEN);
        status.active_since_ms = active->active_from;
    }
    hub_count(services->hub, status.realm, &status.watchers, &status.watchers_current);
    status.as_of_ms = replica_as_of(replica);
    status.policy = *replica_policy(replica);
    describe_problem(services, replica, now, &status);
    *out = status;
}

/* `realm` NULL: of the daemon as a whole. */
static void add_problem(struct wire_status *status, const char *realm, const char *what)
{
    if (status->problem_count == WIRE_PROBLEMS_MAX) {
        return;
    }
    char *to = status->problems[status->problem_count++];
    (void)snprintf(to, sizeof(status->problems[0]), "%s%s%s%.300s", realm == NULL ? "" : "realm ",
                   realm == NULL ? "" : realm, realm == NULL ? "" : ": ", what);
}

static void add_daemon_problems(const struct services *services, struct wire_status *status)
{
    const struct service_problem_source *source = &services->problems;
    struct service_problems problems = {.count = 0};

    if (source->collect != NULL) {
        source->collect(source->ctx, &problems);
    }
    for (size_t i = 0; i < problems.count; i++) {
        add_problem(status, NULL, problems.at[i].text);
    }
}

/* A daemon with many realms is as old as the oldest of them, and suspect if one is. */
static void add_moment(struct wire_status *status, struct replica *replica)
{
    struct wire_moment moment = {0};

    hub_moment(replica, &moment);
    if (status->realm_count == 0 || moment.as_of_ms < status->moment.as_of_ms) {
        status->moment.as_of_ms = moment.as_of_ms;
    }
    if (moment.server_time_ms > status->moment.server_time_ms) {
        status->moment.server_time_ms = moment.server_time_ms;
    }
    status->moment.suspect = status->moment.suspect || moment.suspect;
}

static void add_store(struct wire_status *status, const struct replica *replica)
{
    int64_t as_of = replica_as_of(replica);

    if (as_of > status->store.last_read_ms) {
        status->store.last_read_ms = as_of;
    }
    if (!replica_store_is_reachable(replica) && status->store.reachable) {
        status->store.reachable = false;
        (void)snprintf(status->store.last_error, sizeof(status->store.last_error), "%s",
                       replica_problem(replica));
    }
}

enum err status_collect(const struct services *services, const struct peer *peer,
                        struct wire_status *out)
{
    size_t count = hub_realm_count(services->hub);
    struct wire_status status = {
        .started_ms = services->started_ms,
        .connections = services->stats->connections,
        .store = {.reachable = true},
        .moment = {.server_time_ms = clock_wall_ms(services->clock)},
    };

    status.realms = calloc(count == 0 ? 1 : count, sizeof(*status.realms));
    if (status.realms == NULL) {
        return ERR_NOMEM;
    }
    (void)snprintf(status.version, sizeof(status.version), "%s", services->version);
    (void)snprintf(status.deployment, sizeof(status.deployment), "%s", services->deployment);
    (void)snprintf(status.store.type, sizeof(status.store.type), "%s", services->store_type);
    if (status_may_operate(services, peer, NULL)) {
        add_daemon_problems(services, &status);
    }
    for (size_t i = 0; i < count; i++) {
        struct replica *replica = hub_replica_at(services->hub, i);
        if (!status_may_operate(services, peer, replica_realm(replica))) {
            continue;
        }
        add_moment(&status, replica);
        add_store(&status, replica);
        struct wire_realm_status *realm = &status.realms[status.realm_count++];
        status_of_realm(services, replica, realm);
        if (realm->problem[0] != '\0') {
            add_problem(&status, realm->realm, realm->problem);
        }
    }
    *out = status;
    return ERR_OK;
}
