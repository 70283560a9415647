/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <stek/stek.h>

#include "src/client_clock.h"
#include "src/client_internal.h"
#include "src/credentials.h"
#include "src/driver.h"
#include "src/options.h"

#define WAIT_STEP_NS 5000000L /* between two looks of stek_client_wait() */

/* Process memory: a forked child has its own copy, in which `started_in` names the parent. */
struct stek_client {
    struct ringmap *map;       /* owned; shared between processes */
    const struct clock *clock; /* borrowed */
    struct endpoint endpoints[CONN_ENDPOINTS_MAX];
    size_t endpoint_count;
    struct credentials *credentials; /* owned; NULL: no TLS. A forked child has its own copy */
    char frontend[WIRE_LABEL_MAX + 1];
    stek_log_fn log;
    void *log_arg;              /* borrowed */
    _Atomic int64_t started_in; /* the process whose thread `driver` is; 0: none */
    struct driver *driver;      /* owned */
};

struct ringmap *client_ringmap(struct stek_client *client)
{
    return client->map;
}

const struct clock *client_clock(struct stek_client *client)
{
    return client->clock;
}

enum stek_status client_find_places(const struct stek_client *client, const char *realm,
                                    const char *context, size_t *out_realm, size_t *out_context)
{
    const int place = ringmap_find_realm(client->map, realm);
    if (place < 0) {
        return STEK_ERR_UNKNOWN_REALM;
    }
    switch (ringmap_register(client->map, (size_t)place, context, out_context)) {
    case ERR_OK:
        *out_realm = (size_t)place;
        return STEK_OK;
    case ERR_INVALID:
        return STEK_ERR_INVALID;
    case ERR_LIMIT:
        return STEK_ERR_TOO_SMALL;
    case ERR_NOMEM:
        return STEK_ERR_NOMEM;
    case ERR_IO:
        return STEK_ERR_SYSTEM;
    default:
        return STEK_ERR_CRYPTO;
    }
}

struct stek_client *client_new_with(struct ringmap *map, const struct clock *clock)
{
    struct stek_client *client = calloc(1, sizeof(*client));
    if (client != NULL) {
        client->map = map;
        client->clock = clock;
    }
    return client;
}

/* --- making ---------------------------------------------------------------------------------- */

static enum stek_status status_of(enum err rc)
{
    switch (rc) {
    case ERR_OK:
        return STEK_OK;
    case ERR_NOMEM:
        return STEK_ERR_NOMEM;
    case ERR_LIMIT:
        return STEK_ERR_LOCKED_MEMORY;
    case ERR_INVALID:
        return STEK_ERR_INVALID;
    case ERR_CRYPTO:
        return STEK_ERR_CRYPTO;
    default:
        return STEK_ERR_SYSTEM;
    }
}

static enum stek_status make_map(struct stek_options *options, struct ringmap **out_map)
{
    const char *realms[RINGMAP_REALMS_MAX];
    for (size_t i = 0; i < options->realm_count; i++) {
        realms[i] = options->realms[i];
    }
    return status_of(
        ringmap_new(realms, options->realm_count, options->contexts_max, out_map, &options->error));
}

static enum stek_status check_options(struct stek_options *options)
{
    if (options->endpoint_count == 0) {
        errbuf_set(&options->error, "no endpoint: stek_options_add_endpoint() is needed");
        return STEK_ERR_INVALID;
    }
    for (size_t i = 0; i < options->endpoint_count; i++) {
        if (options->endpoints[i].is_tcp && options->ca_file == NULL) {
            errbuf_set(&options->error, "%s: stek_options_set_tls() is needed",
                       options->endpoints[i].text);
            return STEK_ERR_INVALID;
        }
    }
    if (options->realm_count == 0) {
        errbuf_set(&options->error, "no realm: stek_options_add_realm() is needed");
        return STEK_ERR_INVALID;
    }
    return STEK_OK;
}

static enum stek_status read_credentials(struct stek_options *options, struct credentials **out)
{
    const struct credentials_paths paths = {
        .ca = options->ca_file, .certificate = options->certificate_file, .key = options->key_file};
    return options->ca_file == NULL
               ? STEK_OK
               : status_of(credentials_new(&paths, clock_wall_ms(client_clock_host()), out,
                                           &options->error));
}

static void configure(struct stek_client *client, const struct stek_options *options)
{
    memcpy(client->endpoints, options->endpoints, sizeof(client->endpoints));
    client->endpoint_count = options->endpoint_count;
    options_frontend_name(options, client->frontend);
    client->log = options->log;
    client->log_arg = options->log_arg;
}

enum stek_status stek_client_new(struct stek_options *options, struct stek_client **out_client)
{
    struct ringmap *map = NULL;
    struct credentials *credentials = NULL;
    struct stek_client *client = NULL;
    if (options == NULL || out_client == NULL) {
        return STEK_ERR_INVALID;
    }
    enum stek_status status = check_options(options);
    if (status == STEK_OK) {
        status = read_credentials(options, &credentials);
    }
    if (status == STEK_OK) {
        status = make_map(options, &map);
    }
    if (status == STEK_OK) {
        client = client_new_with(map, client_clock_host());
        if (client == NULL) {
            errbuf_set(&options->error, "out of memory");
            ringmap_free(map);
            status = STEK_ERR_NOMEM;
        }
    }
    if (status != STEK_OK) {
        credentials_free(credentials);
        return status;
    }
    client->credentials = credentials;
    configure(client, options);
    *out_client = client;
    return STEK_OK;
}

/* --- driving --------------------------------------------------------------------------------- */

static void pass_log(void *arg, enum pilot_level level, const char *line)
{
    const struct stek_client *client = arg;
    _Static_assert((int)PILOT_INFO == (int)STEK_LOG_INFO, "the levels are the same");
    if (client->log != NULL) {
        client->log(client->log_arg, (enum stek_log_level)level, line);
    }
}

/* What `driver` is in a process that only inherited it. */
static void forget_inherited(struct stek_client *client)
{
    driver_forget(client->driver);
    client->driver = NULL;
}

static enum stek_status start(struct stek_client *client)
{
    const struct pilot_config config = {
        .map = client->map,
        .clock = client->clock,
        .endpoints = client->endpoints,
        .endpoint_count = client->endpoint_count,
        .credentials = client->credentials,
        .frontend = client->frontend,
        .log = pass_log,
        .log_arg = client,
    };
    forget_inherited(client);
    /* Locks are not inherited over fork(). */
    if (ringmap_lock_here(client->map) != ERR_OK ||
        (client->credentials != NULL && credentials_adopt(client->credentials) != ERR_OK)) {
        return STEK_ERR_LOCKED_MEMORY;
    }
    return status_of(driver_start(&config, &client->driver));
}

enum stek_status stek_client_start(struct stek_client *client)
{
    if (client == NULL || client->endpoint_count == 0) {
        return STEK_ERR_INVALID;
    }
    const int64_t me = (int64_t)getpid();
    int64_t before = atomic_load(&client->started_in);
    /* One caller of this process starts; to all others it is done. */
    if (before == me || !atomic_compare_exchange_strong(&client->started_in, &before, me)) {
        return STEK_OK;
    }
    const enum stek_status status = start(client);
    if (status != STEK_OK) {
        atomic_store(&client->started_in, 0);
    }
    return status;
}

enum stek_status stek_client_reload_tls(struct stek_client *client)
{
    struct errbuf why = {""};
    if (client == NULL || client->credentials == NULL) {
        return STEK_ERR_INVALID;
    }
    const int64_t fleet_ms = ringmap_now(client->map, clock_boot_ms(client->clock));
    const int64_t now_ms = fleet_ms != 0 ? fleet_ms : clock_wall_ms(client->clock);
    enum err rc = credentials_adopt(client->credentials);
    if (rc == ERR_OK) {
        rc = credentials_look(client->credentials, now_ms, &why);
    }
    if (rc != ERR_OK) {
        pass_log(client, PILOT_ERROR, why.text[0] != '\0' ? why.text : err_text(rc));
    }
    return status_of(rc);
}

void stek_client_free(struct stek_client *client)
{
    if (client == NULL) {
        return;
    }
    if (atomic_load(&client->started_in) == (int64_t)getpid()) {
        driver_stop(client->driver);
    } else {
        forget_inherited(client);
    }
    credentials_free(client->credentials);
    ringmap_free(client->map);
    free(client);
}

/* --- waiting --------------------------------------------------------------------------------- */

static bool has_all_snapshots(const struct stek_client *client)
{
    const int64_t boot = clock_boot_ms(client->clock);
    for (size_t i = 0; i < ringmap_realm_count(client->map); i++) {
        struct ringmap_info info;
        if (!ringmap_info(client->map, i, boot, &info) || !info.has_snapshot) {
            return false;
        }
    }
    return true;
}

enum stek_status stek_client_wait(struct stek_client *client, int timeout_ms)
{
    if (client == NULL) {
        return STEK_ERR_INVALID;
    }
    const int64_t deadline = clock_add_ms(clock_boot_ms(client->clock), timeout_ms);
    while (!has_all_snapshots(client)) {
        /* The mapping has no descriptor to wait on: readers of it may be in any process. */
        const struct timespec step = {.tv_nsec = WAIT_STEP_NS};
        if (clock_boot_ms(client->clock) >= deadline) {
            return STEK_ERR_TIMEOUT;
        }
        (void)nanosleep(&step, NULL);
    }
    return STEK_OK;
}
