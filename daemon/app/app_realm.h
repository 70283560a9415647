/* SPDX-License-Identifier: Apache-2.0 */
/* What app/ keeps for each realm, in the order of the configuration, and how one set of realms
 * becomes another: the realms of both stay what they are, the others come and go. */
#ifndef STEKD_APP_APP_REALM_H
#define STEKD_APP_APP_REALM_H

#include <stdbool.h>
#include <stddef.h>

#include "app/app_journal.h"
#include "base/err.h"
#include "config/config.h"
#include "replica/hub.h"
#include "replica/replica.h"
#include "rotate/rotator.h"
#include "serve/rpc_health.h"
#include "serve/services.h"
#include "store/sealing.h"

struct app_realm {
    struct replica *replica;     /* owned */
    struct rotator *rotator;     /* owned */
    struct app_journal *journal; /* owned */
};

/* Starts as {0}. */
struct app_realms {
    struct app_realm **at;          /* owned, and each of them */
    struct service_realm *services; /* owned; the same realms as serve/ knows them */
    size_t count;
};

/* What realms are made with; borrowed as long as they live. */
struct app_realm_env {
    struct store *store;
    const struct sealing *sealing; /* NULL: records are not sealed */
    const struct clock *clock;
    const struct timers *timers;
    const struct random_source *random;
    const char *writer;
    struct log *log;
    struct hub *hub;
    struct health *health;
};

/* The realms of `config`: those of `running` where the name is the same, as they are, and new ones,
 * which are in the hub but not started. On failure (ERR_NOMEM) nothing has changed. What it gives
 * is either taken by app_realms_adopt() or given back to app_realms_discard(). */
enum err app_realms_make(const struct app_realm_env *env, const struct config *config,
                         const struct app_realms *running, struct app_realms *out) MUST_USE;
/* Frees what is in `next` and not in `running`. */
void app_realms_discard(const struct app_realm_env *env, struct app_realms *next,
                        const struct app_realms *running);

/* `next` becomes *running, and the other way round; cannot fail. Policies are set where they
 * differ, what is new is started. app_realms_discard(env, &before, running) then ends the realms
 * that are gone, once no call holds on to them. Returns how many policies have changed. */
size_t app_realms_adopt(struct app_realms *running, struct app_realms *next,
                        const struct config *config, struct log *log);

/* Every store record is looked at again: what could not be opened may open now. */
void app_realms_reload(const struct app_realms *realms);

/* One log line for each realm of `a` that is not in `b`; how many these are. */
size_t app_realms_log_missing(const struct app_realms *a, const struct app_realms *b,
                              struct log *log, const char *event);

#endif
