/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_sample.h"

#include <stdbool.h>
#include <string.h>

#include "config/config_describe.h"
#include "config/config_keys.h"

static const char header[] =
    "# stekd configuration. `stekd --config FILE --check` checks it and does nothing else.\n"
    "# Commented-out keys are optional. Durations are a whole number and ms, s, m, h or d.\n";

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

static void print_key(FILE *to, const struct config_key *key)
{
    int indent = 2 * depth_of(key->path);
    bool is_name = strcmp(config_keys_leaf(key->path), "*") == 0;
    bool is_in_sequence = strstr(key->path, "[].") != NULL;
    /* The first key of a sequence's entry carries the dash, the others stand below it. */
    const char *dash = !is_in_sequence ? "" : key->is_first ? "- " : "  ";
    const char *value = key->sample != NULL ? key->sample : key->preset;

    (void)fprintf(to, "%s%*s# %s\n", indent == 0 ? "\n" : "", indent, "", key->sentence);
    if (!config_describe_is_container(key)) {
        (void)fprintf(to, "%*s# (", indent, "");
        config_describe_value(key, to);
        (void)fprintf(to, "; %s%s)\n", key->is_required ? "required" : "default: ",
                      key->is_required ? "" : key->preset);
    }
    (void)fprintf(to, "%*s%s%s%s:", indent, "", is_active(key) ? "" : "# ", dash,
                  is_name ? key->sample : config_keys_leaf(key->path));
    if (!config_describe_is_container(key)) {
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
