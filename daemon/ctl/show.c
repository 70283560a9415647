/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/show.h"

#include <stdio.h>

#include "base/text.h"

struct show_name show_key_name(const uint8_t name[KEY_NAME_LEN])
{
    struct show_name out;

    text_hex_encode(name, KEY_NAME_LEN, out.text);
    return out;
}

struct json show_json_start(FILE *to, const char *what)
{
    struct json json = {.to = to};
    char schema[64];

    (void)snprintf(schema, sizeof(schema), "stekctl/v1/%s", what);
    json_open_object(&json, NULL);
    json_string(&json, "schema", schema);
    return json;
}

void show_json_moment(struct json *json, const struct wire_moment *moment)
{
    json_time(json, "time", moment->server_time_ms);
    json_time(json, "as_of", moment->as_of_ms);
    json_bool(json, "suspect", moment->suspect);
}

void show_json_policy(struct json *json, const struct policy *policy)
{
    json_open_object(json, "policy");
    json_int(json, "rotate_every_ms", policy->rotate_every_ms);
    json_int(json, "ticket_lifetime_ms", policy->ticket_lifetime_ms);
    json_uint(json, "keys_ahead", policy->keys_ahead);
    json_int(json, "sync_interval_ms", policy->sync_interval_ms);
    json_int(json, "max_offline_ms", policy->max_offline_ms);
    json_int(json, "max_session_age_ms", policy->max_session_age_ms);
    json_close_object(json);
}
