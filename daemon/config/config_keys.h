/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema: one row a key, and nothing about a key anywhere else. Reading, checking, "did you
 * mean" and the sample file all come from this table. To add a key, add a row and a member of
 * struct config.
 */
#ifndef STEKD_CONFIG_CONFIG_KEYS_H
#define STEKD_CONFIG_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_TYPE_LABEL,      /* char[CONFIG_DEPLOYMENT_MAX + 1] */
    CONFIG_TYPE_PATH,       /* char[CONFIG_PATH_MAX + 1] */
    CONFIG_TYPE_PATHS,      /* struct config_paths */
    CONFIG_TYPE_ADDRESS,    /* struct config_address */
    CONFIG_TYPE_ADDRESSES,  /* struct config_addresses */
    CONFIG_TYPE_UNIX_PATH,  /* char[CONFIG_UNIX_PATH_MAX + 1] */
    CONFIG_TYPE_LOOPBACK,   /* struct config_http */
    CONFIG_TYPE_MODE,       /* uint32_t */
    CONFIG_TYPE_COUNT,      /* uint32_t */
    CONFIG_TYPE_DURATION,   /* int64_t, milliseconds */
    CONFIG_TYPE_CHOICE,     /* an enum whose values are the places in `choices` */
    CONFIG_TYPE_PRINCIPALS, /* struct config_principals */
    CONFIG_TYPE_SECTION,    /* a mapping with the keys of this table */
    CONFIG_TYPE_LISTENERS,  /* a sequence of mappings */
    CONFIG_TYPE_REALMS,     /* a mapping from name to mapping */
    CONFIG_TYPE_LATER,      /* not in this version */
};

struct config_key {
    /* "log.level"; "listen[].unix" in each entry of a sequence; "realms.*.readers" under any
     * name. */
    const char *path;
    size_t offset; /* in struct config, config_listener or config_realm, as the path says */
    int64_t min;   /* durations (ms), counts and modes: what is allowed, both ends included */
    int64_t max;
    const char *choices[5];    /* until NULL */
    const char *later_choices; /* words of later versions, for a better refusal; or NULL */
    const char *preset;        /* the default as one would write it, or how it follows */
    const char *sample;        /* the value shown in the sample file; NULL: the preset */
    const char *since;         /* the first version that has it; NULL: a later one than this */
    const char *sentence;
    enum config_type type;
    bool is_required;
    bool is_first;      /* of the keys that can begin an entry of a sequence */
    bool is_shown;      /* optional, but a sample without it would be no use */
    bool is_computed;   /* the preset is a sentence and not a value */
    bool is_reloadable; /* takes effect without a restart */
};

size_t config_keys_count(void);
const struct config_key *config_keys_at(size_t index);
/* NULL: no such key. */
const struct config_key *config_keys_find(const char *path);

/* The last part of a path: "level" for "log.level". Borrowed from `path`. */
const char *config_keys_leaf(const char *path);

#endif
