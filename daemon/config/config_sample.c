/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_sample.h"

#include <stdbool.h>
#include <string.h>

#include "config/config_keys.h"

static const char header[] =
    "# stekd configuration. `stekd --config FILE --check` checks it and does nothing else.\n"
    "# Commented-out keys are optional. Durations are a whole number and ms, s, m, h or d.\n";

static bool is_container(const struct config_key *key)
{
    return key->type == CONFIG_TYPE_SECTION || key->type == CONFIG_TYPE_LISTENERS ||
           key->type == CONFIG_TYPE_REALMS;
}

/* Whether a section stands above it that is commented out: then so is it, required or not. */
static bool is_in_optional_section(const struct config_key *key)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *above = config_keys_at(i);
        size_t len = strlen(above->path);
        if (above->type == CONFIG_TYPE_SECTION && !above->is_required && !above->is_shown &&
            strncmp(key->path, above->path, len) == 0 && key->path[len] == '.') {
            return true;
        }
    }
    return false;
}

static bool is_active(const struct config_key *key)
{
    return (key->is_required || key->is_shown) && !is_in_optional_section(key);
}

static int depth_of(const char *path)
{
    int depth = 0;

    for (const char *at = path; *at != '\0'; at++) {
        depth += *at == '.' ? 1 : 0;
    }
    return depth;
}

static void print_type(FILE *to, const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_TYPE_DURATION:
        (void)fputs("duration", to);
        break;
    case CONFIG_TYPE_COUNT:
        (void)fprintf(to, "%d to %d", (int)key->min, (int)key->max);
        break;
    case CONFIG_TYPE_MODE:
        (void)fprintf(to, "octal, %#o to %#o", (unsigned)key->min, (unsigned)key->max);
        break;
    case CONFIG_TYPE_CHOICE:
        for (size_t i = 0; key->choices[i] != NULL; i++) {
            (void)fprintf(to, "%s%s", i == 0 ? "" : " | ", key->choices[i]);
        }
        break;
    case CONFIG_TYPE_PRINCIPALS:
    case CONFIG_TYPE_PATHS:
    case CONFIG_TYPE_ADDRESSES:
        (void)fputs("list", to);
        break;
    case CONFIG_TYPE_LOOPBACK:
        (void)fputs("address:port", to);
        break;
    case CONFIG_TYPE_LABEL:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_ADDRESS:
    case CONFIG_TYPE_UNIX_PATH:
    case CONFIG_TYPE_SECTION:
    case CONFIG_TYPE_LISTENERS:
    case CONFIG_TYPE_REALMS:
    case CONFIG_TYPE_LATER:
        (void)fputs("text", to);
        break;
    }
}

static void print_key(FILE *to, const struct config_key *key)
{
    int indent = 2 * depth_of(key->path);
    bool is_name = strcmp(config_keys_leaf(key->path), "*") == 0;
    bool is_in_sequence = strstr(key->path, "[].") != NULL;
    /* The first key of a sequence's entry carries the dash, the others stand below it. */
    const char *dash = !is_in_sequence ? "" : key->is_first ? "- " : "  ";
    const char *value = key->sample != NULL ? key->sample : key->preset;

    (void)fprintf(to, "%s%*s# %s\n", indent == 0 ? "\n" : "", indent, "", key->sentence);
    if (!is_container(key)) {
        (void)fprintf(to, "%*s# (", indent, "");
        print_type(to, key);
        (void)fprintf(to, "; %s%s)\n", key->is_required ? "required" : "default: ",
                      key->is_required ? "" : key->preset);
    }
    (void)fprintf(to, "%*s%s%s%s:", indent, "", is_active(key) ? "" : "# ", dash,
                  is_name ? key->sample : config_keys_leaf(key->path));
    if (!is_container(key)) {
        (void)fprintf(to, " %s", value);
    }
    (void)fputc('\n', to);
}

void config_sample_print(FILE *to)
{
    (void)fputs(header, to);
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        if (key->since != NULL) {
            print_key(to, key);
        }
    }
}
