/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_keys.h"

#include <string.h>

#include "config/config.h"

#define SECOND INT64_C(1000)
#define DAY    INT64_C(86400000)

#define IN_CONFIG(member)   offsetof(struct config, member)
#define IN_LISTENER(member) offsetof(struct config_listener, member)
#define IN_REALM(member)    offsetof(struct config_realm, member)

#define LATER(key_path, text)                                                                      \
    {                                                                                              \
        .path = (key_path), .type = CONFIG_TYPE_LATER, .sentence = (text)                          \
    }

/* In the order of the sample file: a section before its keys. */
static const struct config_key keys[] = {
    {.path = "deployment",
     .type = CONFIG_TYPE_LABEL,
     .offset = IN_CONFIG(deployment),
     .preset = "stek",
     .since = "0.1",
     .sentence = "Name of this fleet; stored keyrings open only under the name they had."},
    {.path = "listen",
     .type = CONFIG_TYPE_LISTENERS,
     .is_required = true,
     .since = "0.1",
     .sentence = "Where frontends and operators connect: one entry a socket."},
    {.path = "listen[].unix",
     .type = CONFIG_TYPE_UNIX_PATH,
     .offset = IN_LISTENER(unix_path),
     .sample = "/run/stekd/stekd.sock",
     .is_required = true,
     .since = "0.1",
     .sentence = "Path of a Unix socket; peers are known by the user they run as."},
    {.path = "listen[].mode",
     .type = CONFIG_TYPE_MODE,
     .offset = IN_LISTENER(mode),
     .min = 0600,
     .max = 0666,
     .preset = "\"0660\"",
     .since = "0.1",
     .sentence = "Who may connect at all; what they may then do is said by readers and operators."},
    LATER("listen[].address", "TCP address to listen on."),
    LATER("listen[].tls", "Certificate, key and client CA of a TCP listener."),
    {.path = "http",
     .type = CONFIG_TYPE_LOOPBACK,
     .offset = IN_CONFIG(http),
     .preset = "none",
     .sample = "127.0.0.1:7480",
     .is_computed = true,
     .since = "0.1",
     .sentence = "Serves /metrics, /healthz and /readyz to this machine: a loopback address."},
    {.path = "store",
     .type = CONFIG_TYPE_SECTION,
     .is_required = true,
     .since = "0.1",
     .sentence = "Where keyrings are kept between daemons and restarts."},
    {.path = "store.type",
     .type = CONFIG_TYPE_CHOICE,
     .offset = IN_CONFIG(store),
     .choices = {"memory"},
     .later_choices = "file redis",
     .sample = "memory",
     .is_required = true,
     .since = "0.1",
     .sentence = "memory: inside this daemon only; a restart begins with new keys."},
    LATER("store.address", "Address of the Redis server."),
    LATER("store.path", "Directory of the file store."),
    LATER("store.prefix", "What the names of our Redis keys begin with."),
    LATER("store.username", "Redis user."),
    LATER("store.password_file", "File with the Redis password."),
    LATER("store.tls", "TLS to Redis."),
    LATER("store.sentinel", "Redis Sentinel."),
    LATER("store.key_encryption_keys", "Files of the keys that seal stored keyrings."),
    {.path = "operators",
     .type = CONFIG_TYPE_PRINCIPALS,
     .offset = IN_CONFIG(operators),
     .preset = "[]",
     .sample = "[\"uid:0\"]",
     .is_shown = true,
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "Who may see and command every realm: uid: or gid: and a number or name."},
    {.path = "realms",
     .type = CONFIG_TYPE_REALMS,
     .is_required = true,
     .since = "0.1",
     .sentence = "One keyring each, by name; never share one between different client policies."},
    {.path = "realms.*",
     .type = CONFIG_TYPE_SECTION,
     .sample = "web",
     .is_shown = true,
     .since = "0.1",
     .sentence = "A realm; its name has up to 63 of a-z, 0-9, dot, underscore and hyphen."},
    {.path = "realms.*.rotate_every",
     .type = CONFIG_TYPE_DURATION,
     .offset = IN_REALM(policy.rotate_every_ms),
     .min = 800,
     .max = 7 * DAY,
     .preset = "12h",
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "How long one key encrypts; at least 8 times sync_interval."},
    {.path = "realms.*.ticket_lifetime",
     .type = CONFIG_TYPE_DURATION,
     .offset = IN_REALM(policy.ticket_lifetime_ms),
     .min = SECOND,
     .max = 7 * DAY,
     .preset = "12h",
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "How long a ticket can be used; its key is destroyed soon after the last one."},
    {.path = "realms.*.keys_ahead",
     .type = CONFIG_TYPE_COUNT,
     .offset = IN_REALM(policy.keys_ahead),
     .min = 1,
     .max = 8,
     .preset = "1",
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "How many rotations ahead keys are made and spread."},
    {.path = "realms.*.sync_interval",
     .type = CONFIG_TYPE_DURATION,
     .offset = IN_REALM(policy.sync_interval_ms),
     .min = 100,
     .max = DAY,
     .preset = "15s, or rotate_every/8 if that is less",
     .sample = "15s",
     .is_computed = true,
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "Budget from a change of the keyring to every reachable frontend having it."},
    {.path = "realms.*.max_offline",
     .type = CONFIG_TYPE_DURATION,
     .offset = IN_REALM(policy.max_offline_ms),
     .min = 100,
     .max = 7 * DAY,
     .preset = "until the keys' own dates",
     .sample = "1h",
     .is_computed = true,
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "How long a frontend out of touch goes on; no less than sync_interval."},
    {.path = "realms.*.max_session_age",
     .type = CONFIG_TYPE_DURATION,
     .offset = IN_REALM(policy.max_session_age_ms),
     .min = SECOND,
     .max = 7 * DAY,
     .preset = "24h, or ticket_lifetime if that is more",
     .sample = "24h",
     .is_computed = true,
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "How long a chain of re-issued tickets lasts before a full handshake."},
    {.path = "realms.*.readers",
     .type = CONFIG_TYPE_PRINCIPALS,
     .offset = IN_REALM(readers),
     .preset = "[]",
     .sample = "[\"uid:33\"]",
     .is_shown = true,
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "Who gets this realm's keys: the users its frontends run as. Nobody by default."},
    {.path = "realms.*.operators",
     .type = CONFIG_TYPE_PRINCIPALS,
     .offset = IN_REALM(operators),
     .preset = "[]",
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "Who may see and command this realm, besides the operators of all."},
    {.path = "log",
     .type = CONFIG_TYPE_SECTION,
     .since = "0.1",
     .sentence = "Log lines on standard error; they never hold a key."},
    {.path = "log.format",
     .type = CONFIG_TYPE_CHOICE,
     .offset = IN_CONFIG(log.format),
     .choices = {"logfmt", "json"},
     .preset = "logfmt",
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "One event a line in either."},
    {.path = "log.level",
     .type = CONFIG_TYPE_CHOICE,
     .offset = IN_CONFIG(log.level),
     .choices = {"debug", "info", "warning", "error"},
     .preset = "info",
     .is_reloadable = true,
     .since = "0.1",
     .sentence = "The least level that is written; operators' acts are written at any."},
};

size_t config_keys_count(void)
{
    return sizeof(keys) / sizeof(keys[0]);
}

const struct config_key *config_keys_at(size_t index)
{
    return &keys[index];
}

const struct config_key *config_keys_find(const char *path)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        if (strcmp(keys[i].path, path) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

const char *config_keys_leaf(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot == NULL ? path : dot + 1;
}
