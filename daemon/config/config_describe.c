/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_describe.h"

#include "base/text.h"
#include "config/config.h"

bool config_describe_is_container(const struct config_key *key)
{
    return key->type == CONFIG_TYPE_SECTION || key->type == CONFIG_TYPE_LISTENERS ||
           key->type == CONFIG_TYPE_REALMS;
}

static void describe_choices(const struct config_key *key, FILE *to)
{
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        (void)fprintf(to, "%s%s", i == 0 ? "" : " | ", key->choices[i]);
    }
}

void config_describe_value(const struct config_key *key, FILE *to)
{
    switch (key->type) {
    case CONFIG_TYPE_DURATION:
        (void)fprintf(to, "duration, %s to %s", text_span_of(key->min).text,
                      text_span_of(key->max).text);
        break;
    case CONFIG_TYPE_COUNT:
        (void)fprintf(to, "number, %d to %d", (int)key->min, (int)key->max);
        break;
    case CONFIG_TYPE_MODE:
        (void)fprintf(to, "octal, %#o to %#o", (unsigned)key->min, (unsigned)key->max);
        break;
    case CONFIG_TYPE_CHOICE:
        describe_choices(key, to);
        break;
    case CONFIG_TYPE_PRINCIPALS:
        (void)fprintf(to, "list of up to %d names", CONFIG_PRINCIPALS_MAX);
        break;
    case CONFIG_TYPE_PATHS:
        (void)fprintf(to, "list of 1 to %d paths", CONFIG_PATHS_MAX);
        break;
    case CONFIG_TYPE_ADDRESSES:
        (void)fprintf(to, "list of 1 to %d addresses", CONFIG_SENTINELS_MAX);
        break;
    case CONFIG_TYPE_LOOPBACK:
        (void)fputs("loopback address and port", to);
        break;
    case CONFIG_TYPE_ADDRESS:
        (void)fputs("address and port", to);
        break;
    case CONFIG_TYPE_PATH:
        (void)fprintf(to, "path, up to %d bytes", CONFIG_PATH_MAX);
        break;
    case CONFIG_TYPE_UNIX_PATH:
        (void)fprintf(to, "absolute path, up to %d bytes", CONFIG_UNIX_PATH_MAX);
        break;
    case CONFIG_TYPE_LABEL:
        (void)fprintf(to, "text, 1 to %d bytes", CONFIG_DEPLOYMENT_MAX);
        break;
    case CONFIG_TYPE_LISTENERS:
        (void)fprintf(to, "list of 1 to %d entries", CONFIG_LISTENERS_MAX);
        break;
    case CONFIG_TYPE_REALMS:
        (void)fprintf(to, "mapping of 1 to %d names", CONFIG_REALMS_MAX);
        break;
    case CONFIG_TYPE_SECTION:
    case CONFIG_TYPE_LATER:
        (void)fputs("mapping", to);
        break;
    }
}
