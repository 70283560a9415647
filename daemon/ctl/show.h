/* SPDX-License-Identifier: Apache-2.0 */
/* What several verbs show the same way. */
#ifndef STEKD_CTL_SHOW_H
#define STEKD_CTL_SHOW_H

#include <stddef.h>
#include <stdint.h>

#include "ctl/json.h"
#include "keyring/key.h"
#include "wire/messages.h"

struct show_name {
    char text[2 * KEY_NAME_LEN + 1];
};

/* A key's name (not its bytes) in hexadecimal. */
struct show_name show_key_name(const uint8_t name[KEY_NAME_LEN]);

/* Opens the document: "schema": "stekctl/v1/<what>". The caller closes the object. */
struct json show_json_start(FILE *to, const char *what);

/* "time", "as_of" and "suspect". */
void show_json_moment(struct json *json, const struct wire_moment *moment);

void show_json_policy(struct json *json, const struct policy *policy);

#endif
