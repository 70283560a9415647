/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_realm.h"

#include <stdlib.h>
#include <string.h>

static struct app_realm *find(const struct app_realms *realms, const char *name)
{
    for (size_t i = 0; i < realms->count; i++) {
        if (strcmp(replica_realm(realms->at[i]->replica), name) == 0) {
            return realms->at[i];
        }
    }
    return NULL;
}

/* In reverse: whoever listens goes before what it listens to. */
static void realm_free(const struct app_realm_env *env, struct app_realm *realm)
{
    if (realm == NULL) {
        return;
    }
    app_journal_free(realm->journal);
    rotator_free(realm->rotator);
    if (realm->replica != NULL) {
        health_remove_realm(env->health, realm->replica);
        hub_remove_realm(env->hub, realm->replica);
    }
    replica_free(realm->replica);
    free(realm);
}

static enum err build_replica(const struct app_realm_env *env, const struct config_realm *config,
                              struct app_realm *realm)
{
    const struct replica_options options = {
        .realm = config->name,
        .policy = config->policy,
        .store = env->store,
        .sealing = env->sealing,
        .clock = env->clock,
        .timers = env->timers,
        .random = env->random,
    };

    enum err rc = replica_new(&options, &realm->replica);
    if (rc == ERR_OK) {
        rc = hub_add_realm(env->hub, realm->replica);
    }
    if (rc == ERR_OK) {
        rc = health_add_realm(env->health, realm->replica);
    }
    return rc;
}

static enum err realm_new(const struct app_realm_env *env, const struct config_realm *config,
                          struct app_realm **out_realm)
{
    struct app_realm *realm = calloc(1, sizeof(*realm));

    if (realm == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = build_replica(env, config, realm);
    const struct rotator_options rotator = {
        .replica = realm->replica,
        .store = env->store,
        .sealing = env->sealing,
        .clock = env->clock,
        .timers = env->timers,
        .random = env->random,
        .writer = env->writer,
    };
    if (rc == ERR_OK) {
        rc = rotator_new(&rotator, &realm->rotator);
    }
    const struct app_journal_options journal = {
        .replica = realm->replica,
        .rotator = realm->rotator,
        .clock = env->clock,
        .timers = env->timers,
        .log = env->log,
    };
    if (rc == ERR_OK) {
        rc = app_journal_new(&journal, &realm->journal);
    }
    if (rc != ERR_OK) {
        realm_free(env, realm);
        return rc;
    }
    *out_realm = realm; /* moves to the caller */
    return ERR_OK;
}

enum err app_realms_make(const struct app_realm_env *env, const struct config *config,
                         const struct app_realms *running, struct app_realms *out)
{
    struct app_realms made = {.at = calloc(config->realm_count, sizeof(*made.at)),
                              .services = calloc(config->realm_count, sizeof(*made.services))};
    enum err rc = made.at == NULL || made.services == NULL ? ERR_NOMEM : ERR_OK;

    for (size_t i = 0; i < config->realm_count && rc == ERR_OK; i++) {
        struct app_realm *realm = find(running, config->realms[i].name);
        if (realm == NULL) {
            rc = realm_new(env, &config->realms[i], &realm);
        }
        if (rc == ERR_OK) {
            made.at[i] = realm;
            made.services[i].realm = replica_realm(realm->replica);
            made.services[i].rotator = realm->rotator;
            made.count++;
        }
    }
    if (rc != ERR_OK) {
        app_realms_discard(env, &made, running);
        return rc;
    }
    *out = made; /* moves to the caller */
    return ERR_OK;
}

void app_realms_discard(const struct app_realm_env *env, struct app_realms *next,
                        const struct app_realms *running)
{
    for (size_t i = 0; i < next->count; i++) {
        if (find(running, replica_realm(next->at[i]->replica)) == NULL) {
            realm_free(env, next->at[i]);
        }
    }
    free(next->at);
    free(next->services);
    *next = (struct app_realms){0};
}

static bool is_same_policy(const struct policy *a, const struct policy *b)
{
    return a->rotate_every_ms == b->rotate_every_ms &&
           a->ticket_lifetime_ms == b->ticket_lifetime_ms && a->keys_ahead == b->keys_ahead &&
           a->sync_interval_ms == b->sync_interval_ms && a->max_offline_ms == b->max_offline_ms &&
           a->max_session_age_ms == b->max_session_age_ms;
}

size_t app_realms_adopt(struct app_realms *running, struct app_realms *next,
                        const struct config *config, struct log *log)
{
    const struct app_realms before = *running;
    size_t changed = 0;

    *running = *next;
    *next = before;
    for (size_t i = 0; i < running->count; i++) {
        struct replica *replica = running->at[i]->replica;
        const struct policy *policy = &config->realms[i].policy;
        if (find(&before, replica_realm(replica)) == NULL) {
            replica_start(replica);
        } else if (!is_same_policy(replica_policy(replica), policy)) {
            log_write(log, LOG_LEVEL_INFO, "policy-changed",
                      LOG_FIELDS(log_string("realm", replica_realm(replica)),
                                 log_duration("rotate_every", policy->rotate_every_ms),
                                 log_duration("ticket_lifetime", policy->ticket_lifetime_ms)));
            replica_set_policy(replica, policy);
            changed++;
        }
    }
    return changed;
}

void app_realms_reload(const struct app_realms *realms)
{
    for (size_t i = 0; i < realms->count; i++) {
        replica_reload(realms->at[i]->replica);
    }
}

size_t app_realms_log_missing(const struct app_realms *a, const struct app_realms *b,
                              struct log *log, const char *event)
{
    size_t missing = 0;

    for (size_t i = 0; i < a->count; i++) {
        const char *realm = replica_realm(a->at[i]->replica);
        if (find(b, realm) == NULL) {
            log_write(log, LOG_LEVEL_INFO, event, LOG_FIELDS(log_string("realm", realm)));
            missing++;
        }
    }
    return missing;
}
