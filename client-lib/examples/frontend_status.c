/* SPDX-License-Identifier: Apache-2.0 */
#include "frontend_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputc('"', out);
}

static void print_counters(FILE *out, const struct stek_counters *n)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"issued", n->issued},
        {"decrypted", n->decrypted},
        {"renewed", n->renewed},
        {"unknown_key", n->unknown_key},
        {"refused_old", n->refused_old},
        {"no_key", n->no_key},
        {"policy_mismatch", n->policy_mismatch},
        {"crypto_failures", n->crypto_failures},
        {"busy", n->busy},
        {"max_tries", n->max_tries},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", rows[i].name, rows[i].value);
    }
}

static void print_status(FILE *out, const char *realm, const struct stek_realm_status *s)
{
    (void)fprintf(out,
                  "{\"realm\":\"%s\",\"has_snapshot\":%s,\"is_synced\":%s,\"age_ms\":%" PRId64
                  ",\"sync_interval_ms\":%" PRId64 ",\"first_active_in_ms\":%" PRId64
                  ",\"keys\":%u,\"clock_skew_ms\":%" PRId64 ",\"driver_pid\":%" PRId64,
                  realm, s->has_snapshot != 0 ? "true" : "false",
                  s->is_synced != 0 ? "true" : "false", s->age_ms, s->sync_interval_ms,
                  s->first_active_in_ms, s->keys, s->clock_skew_ms, s->driver_pid);
    (void)fputs(",\"digest\":\"", out);
    for (size_t i = 0; i < sizeof(s->digest); i++) {
        (void)fprintf(out, "%02x", s->digest[i]);
    }
    (void)fputs("\",\"last_error\":", out);
    print_text(out, s->last_error);
    (void)fputs(",\"counters\":{", out);
    print_counters(out, &s->counters);
    (void)fputs("}}\n", out);
}

bool frontend_status_write(struct stek_client *client, const char *realm, const char *path)
{
    struct stek_realm_status status;
    char temporary[4096];
    int len = snprintf(temporary, sizeof(temporary), "%s.new", path);

    if (len < 0 || (size_t)len >= sizeof(temporary) ||
        stek_client_status(client, realm, &status, sizeof(status)) != STEK_OK) {
        return false;
    }
    FILE *out = fopen(temporary, "we");
    if (out == NULL) {
        return false;
    }
    print_status(out, realm, &status);
    bool is_written = ferror(out) == 0;
    is_written = fclose(out) == 0 && is_written;
    if (is_written && rename(temporary, path) == 0) {
        return true;
    }
    (void)remove(temporary);
    return false;
}
