/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_reload.h"

#include "app/app_private.h"
#include "config/config_changes.h"
#include "config/config_load.h"
#include "host/process.h"

static const struct config_mark whole_file = {0, 0};

/* What phase 1 builds; starts as {0}. */
struct candidate {
    struct config *config; /* owned, like the rest */
    struct app_material material;
    struct app_rules rules;
    struct app_realms realms;
};

static void discard(struct app *app, struct candidate *next)
{
    app_realms_discard(&app->realm_env, &next->realms, &app->realms);
    app_rules_fini(&next->rules);
    app_material_fini(&next->material);
    config_free(next->config);
}

/* ---- phase 1 ---- */

/* What the running configuration needs is locked, or can be, already. */
static enum err check_memory(const struct app *app, const struct config *next,
                             struct config_problems *problems)
{
    const size_t now = app_locked_memory_need(app->config);
    const size_t need = app_locked_memory_need(next);
    struct errbuf why = {""};

    enum err rc = need > now ? process_check_locked_memory(need - now, &why) : ERR_OK;
    if (rc != ERR_OK) {
        config_problems_add(problems, whole_file, "%s", why.text);
    }
    return rc;
}

static enum err build(struct app *app, struct candidate *next, struct config_problems *problems)
{
    enum err rc = app_rules_make(next->config, &next->rules);

    if (rc == ERR_OK) {
        rc = app_realms_make(&app->realm_env, next->config, &app->realms, &next->realms);
    }
    if (rc != ERR_OK) {
        config_problems_add(problems, whole_file,
                            "out of memory, or of memory that may be locked (RLIMIT_MEMLOCK)");
    }
    return rc;
}

static enum err prepare(struct app *app, struct candidate *next, struct config_problems *problems)
{
    enum err rc = config_load(app->config_path, &next->config, problems);

    if (rc != ERR_OK) {
        return rc;
    }
    config_changes_find(app->config, next->config, problems);
    /* Everything at once: what is wrong with files as well. */
    rc = app_material_read(next->config, &app->random, clock_wall_ms(&app->clock), &next->material,
                           problems);
    if (rc == ERR_OK && problems->errors > 0) {
        rc = ERR_REFUSED;
    }
    if (rc == ERR_OK) {
        rc = check_memory(app, next->config, problems);
    }
    return rc == ERR_OK ? build(app, next, problems) : rc;
}

/* ---- phase 2 ---- */

static void swap_log(const struct app *app)
{
    log_set_format(app->log, app->config->log.format);
    log_set_level(app->log, app->config->log.level);
}

static void swap_material(struct app *app, struct candidate *next)
{
    struct app_material before = app->material;

    for (size_t i = 0; i < app->config->listener_count; i++) {
        if (next->material.listeners[i] != NULL) {
            server_set_tls(app->server, app->tls_listeners[i], next->material.listeners[i]);
        }
    }
    app_store_adopt(&app->storage, &next->material);
    app->material = next->material;
    next->material = before;
}

static void swap_rules(struct app *app, struct candidate *next)
{
    struct app_rules rules = app->rules;

    app->rules = next->rules;
    next->rules = rules;
    app->services.realms = app->realms.services;
    app->services.realm_count = app->realms.count;
    app->services.deployment = app->config->deployment;
}

static void commit(struct app *app, struct candidate *next)
{
    struct config *config = app->config;
    app->config = next->config;
    next->config = config;
    swap_log(app);
    swap_material(app, next);
    const size_t added =
        app_realms_log_missing(&next->realms, &app->realms, app->log, "realm-added");
    const size_t removed =
        app_realms_log_missing(&app->realms, &next->realms, app->log, "realm-removed");
    const size_t changed = app_realms_adopt(&app->realms, &next->realms, app->config, app->log);
    swap_rules(app, next);
    app_realms_reload(&app->realms);
    /* First nobody holds on to a realm that is gone, then it goes; last what rules pointed to. */
    server_recheck(app->server);
    discard(app, next);
    log_write(app->log, LOG_LEVEL_INFO, "reloaded",
              LOG_FIELDS(log_int("realms", (int64_t)app->realms.count),
                         log_int("realms_added", (int64_t)added),
                         log_int("realms_removed", (int64_t)removed),
                         log_int("policies_changed", (int64_t)changed)));
}

/* ---- both ---- */

static void note_failure(struct app *app, const struct config_problems *problems)
{
    const struct config_problem *first = NULL;

    for (size_t i = 0; i < problems->count && first == NULL; i++) {
        first = problems->at[i].is_note ? NULL : &problems->at[i];
    }
    app->reloads.failed++;
    errbuf_set(&app->reloads.problem,
               "the last reload failed, nothing has changed (problems: %zu): %.300s",
               problems->errors, first == NULL ? err_text(ERR_NOMEM) : first->what.text);
    log_write(app->log, LOG_LEVEL_ERROR, "reload-failed",
              LOG_FIELDS(log_int("problems", (int64_t)problems->errors),
                         log_string("meaning", "the running configuration stays in use")));
}

enum err app_reload(struct app *app)
{
    struct candidate next = {.config = NULL};
    struct config_problems problems = {0};

    enum err rc = prepare(app, &next, &problems);
    app_log_problems(app, app->config_path, &problems);
    app->reloads.last_ms = clock_wall_ms(&app->clock);
    app->reloads.is_good = rc == ERR_OK;
    if (rc == ERR_OK) {
        commit(app, &next);
        app->reloads.done++;
        app->reloads.problem.text[0] = '\0';
    } else {
        discard(app, &next);
        note_failure(app, &problems);
    }
    config_problems_fini(&problems);
    return rc;
}
