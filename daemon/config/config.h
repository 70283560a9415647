/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as plain values, complete and checked: nothing here needs a second look.
 * Rooms do not see it; app/ copies what each needs into that room's own options. */
#ifndef STEKD_CONFIG_CONFIG_H
#define STEKD_CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "config/config_problems.h"
#include "host/syscall_filter.h"
#include "keyring/policy.h"
#include "ops/log.h"

#define CONFIG_DEPLOYMENT_MAX 63
#define CONFIG_UNIX_PATH_MAX  107 /* sockaddr_un.sun_path without its NUL */
#define CONFIG_LISTENERS_MAX  16
#define CONFIG_HTTP_MAX       39 /* an IPv6 address without its NUL */
#define CONFIG_REALMS_MAX     256
#define CONFIG_PRINCIPALS_MAX 64 /* in one list */
#define CONFIG_PATH_MAX       4095
#define CONFIG_PATHS_MAX      8 /* in one list */
#define CONFIG_HOST_MAX       255
#define CONFIG_PATTERN_MAX    255
#define CONFIG_SENTINELS_MAX  16

enum config_principal_kind {
    CONFIG_PRINCIPAL_UID,
    CONFIG_PRINCIPAL_GID,
    CONFIG_PRINCIPAL_URI, /* as a certificate has it, scheme and all */
    CONFIG_PRINCIPAL_DNS, /* without the "dns:" */
};

struct config_principal {
    enum config_principal_kind kind;
    uint32_t id;   /* of users and groups */
    char *pattern; /* of URIs and DNS names; owned; a * is one whole path segment or label */
};

struct config_principals {
    struct config_principal *at; /* owned */
    size_t count;                /* 0: nobody (deny by default) */
};

struct config_address {
    char unix_path[CONFIG_UNIX_PATH_MAX + 1]; /* "": host and port */
    char host[CONFIG_HOST_MAX + 1];
    uint16_t port;
};

/* Paths of PEM files; "" for what was not set. */
struct config_tls {
    char certificate[CONFIG_PATH_MAX + 1];
    char private_key[CONFIG_PATH_MAX + 1];
    char ca[CONFIG_PATH_MAX + 1]; /* whom we trust; a listener's `client_ca` */
    char crl[CONFIG_PATH_MAX + 1];
};

/* A Unix socket, or a TCP address and TLS. */
struct config_listener {
    char unix_path[CONFIG_UNIX_PATH_MAX + 1]; /* absolute; "": TCP */
    uint32_t mode;                            /* of the socket file, e.g. 0660 */
    struct config_address address;            /* host and port */
    struct config_tls tls;
    struct config_mark mark; /* of the entry */
};

/* A loopback address in the form inet_pton() takes. */
struct config_http {
    char address[CONFIG_HTTP_MAX + 1]; /* "": not asked for */
    uint16_t port;                     /* 1 and above */
    struct config_mark mark;
};

struct config_realm {
    char name[REALM_NAME_MAX + 1];
    struct policy policy; /* passes policy_check() */
    struct config_principals readers;
    struct config_principals operators; /* in addition to the top-level ones */
};

enum config_store { CONFIG_STORE_MEMORY, CONFIG_STORE_FILE, CONFIG_STORE_REDIS };

struct config_paths {
    char **at; /* owned, and each of them */
    size_t count;
};

struct config_addresses {
    struct config_address *at; /* owned */
    size_t count;
};

struct config_sentinel {
    char master[CONFIG_DEPLOYMENT_MAX + 1]; /* "": no Sentinel */
    struct config_addresses addresses;
};

/* "" for what was not set. */
struct config_storage {
    enum config_store type;
    char path[CONFIG_PATH_MAX + 1];
    struct config_address address;
    char prefix[CONFIG_DEPLOYMENT_MAX + 1];
    char username[CONFIG_DEPLOYMENT_MAX + 1];
    char password_file[CONFIG_PATH_MAX + 1];
    struct config_tls tls; /* ca "": no TLS */
    struct config_sentinel sentinel;
    struct config_mark mark; /* of the section */
    struct config_paths key_encryption_keys;
};

struct config_log {
    enum log_format format;
    enum log_level level;
};

struct config {
    char folder[CONFIG_PATH_MAX + 1]; /* the file's own: where relative paths begin; "": here */
    char deployment[CONFIG_DEPLOYMENT_MAX + 1];
    struct config_mark deployment_mark;
    struct config_listener *listeners; /* owned; at least one */
    size_t listener_count;
    struct config_http http;
    struct config_storage store;
    struct config_principals operators; /* for all realms */
    struct config_realm *realms;        /* owned; at least one; in file order */
    size_t realm_count;
    struct config_log log;
    enum syscall_filter_mode syscall_filter;
    struct config_mark syscall_filter_mark;
};

/* Starts as {0}; safe twice. */
void config_principals_fini(struct config_principals *principals);

struct config_path {
    char text[2 * (CONFIG_PATH_MAX + 1)];
};

/* Where a path of the configuration leads: relative ones begin in its own folder. */
void config_path_of(const struct config *config, const char *path, struct config_path *out);

/* NULL allowed. */
void config_free(struct config *config);

#endif
