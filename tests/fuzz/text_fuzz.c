/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small texts from outside: endpoints, durations, modes, addresses, hexadecimal, names, the service
 * manager's environment; and what becomes of any text in a log line or a JSON document. Each input
 * is taken for all of them.
 */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_value.h"
#include "ctl/json.h"
#include "ctl/moment.h"
#include "fuzz.h"
#include "host/notify.h"
#include "ops/log_line.h"
#include "src/endpoint.h"
#include "support/fake_time.h"

static void endpoint(const char *text)
{
    struct endpoint out;
    struct endpoint again;
    struct errbuf why = {""};

    fuzz_stain(&out, sizeof(out));
    if (endpoint_parse(text, &out, &why) != ERR_OK) {
        assert(why.text[0] != '\0' && fuzz_is_stained(&out, sizeof(out)));
        return;
    }
    assert(strcmp(out.text, text) == 0);
    if (out.is_tcp) {
        assert(out.port != 0 && out.host[0] != '\0' && strchr(out.host, '[') == NULL);
    } else {
        assert(out.path[0] == '/' && strcmp(out.path, text + strlen("unix:")) == 0);
    }
    assert(endpoint_parse(out.text, &again, &why) == ERR_OK && again.port == out.port);
}

static void values(const char *text)
{
    struct errbuf why = {""};
    int64_t ms = -1;
    int64_t again = -1;
    uint32_t number = 0;
    struct config_http http;
    struct config_address address;

    if (config_value_duration(text, &ms, &why) == ERR_OK) {
        assert(ms >= 0);
        const struct text_span span = text_span_of(ms);
        assert(config_value_duration(span.text, &again, &why) == ERR_OK && again == ms);
    } else {
        assert(ms == -1 && why.text[0] != '\0');
    }
    if (config_value_uint(text, &number, &why) == ERR_OK) {
        assert(config_value_is_digits(text) && number == strtoul(text, NULL, 10));
    }
    if (config_value_mode(text, &number, &why) == ERR_OK) {
        assert(number <= 07777 && number == strtoul(text, NULL, 8));
    }
    if (config_value_unix_path(text, &why) == ERR_OK) {
        assert(text[0] == '/');
    }
    fuzz_stain(&http, sizeof(http));
    if (config_value_loopback(text, &http, &why) == ERR_OK) {
        assert(http.port != 0 && http.address[0] != '\0');
    } else {
        assert(fuzz_is_stained(&http, sizeof(http)));
    }
    fuzz_stain(&address, sizeof(address));
    if (config_value_address(text, &address, &why) == ERR_OK) {
        assert((address.unix_path[0] == '/') != (address.host[0] != '\0' && address.port != 0));
    } else {
        assert(fuzz_is_stained(&address, sizeof(address)));
    }
    assert(config_value_show(text) != NULL);
}

/* [a-z0-9][a-z0-9._-]{0,62} */
static bool is_realm(const char *text)
{
    const size_t len = strlen(text);

    return len >= 1 && len <= REALM_NAME_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len && isalnum(text[0]);
}

static void names(const char *text)
{
    uint8_t bytes[16];
    char hex[2 * sizeof(bytes) + 1];
    char copy[32];

    assert(text_is_realm_name(text) == is_realm(text));
    if (text_is_label(text, 64)) {
        assert(strlen(text) <= 64);
        for (const char *c = text; *c != '\0'; c++) {
            assert((unsigned char)*c >= ' ' && *c != 0x7F);
        }
    }
    if (text_hex_decode(text, bytes, sizeof(bytes)) == ERR_OK) {
        text_hex_encode(bytes, sizeof(bytes), hex);
        assert(strcasecmp(hex, text) == 0);
    } else {
        assert(bytes[0] == 0 && bytes[15] == 0);
    }
    assert((text_copy(copy, sizeof(copy), text) == ERR_OK) == (strlen(text) < sizeof(copy)));
}

/* One line, printable to its end, whatever stands in it. */
static void logged(const char *text, enum log_format format)
{
    struct log_line line;
    const struct log_field field = log_string("text", text);

    log_line_start(&line, format);
    log_line_add(&line, &field);
    log_line_finish(&line);
    assert(line.len > 0 && line.len <= LOG_LINE_MAX && line.text[line.len - 1] == '\n');
    for (size_t i = 0; i + 1 < line.len; i++) {
        assert((unsigned char)line.text[i] >= ' ' && line.text[i] != 0x7F);
    }
}

static void as_json(const char *text)
{
    char *out = NULL;
    size_t len = 0;
    struct json json = {.to = open_memstream(&out, &len)};

    assert(json.to != NULL);
    json_open_array(&json, NULL);
    json_string(&json, NULL, text);
    json_close_array(&json);
    assert(fclose(json.to) == 0);
    for (size_t i = 0; i < len; i++) {
        assert((unsigned char)out[i] >= ' ' || out[i] == '\n');
    }
    assert(strchr(out, '"') != NULL);
    free(out);
}

/* SOCKET, newline, MICROSECONDS, newline, PID. */
static void notify(struct slice in)
{
    struct fake_time *time = fake_time_new();
    char *socket = fuzz_text(fuzz_cut(&in, '\n'));
    char *usec = fuzz_text(fuzz_cut(&in, '\n'));
    char *pid = fuzz_text(in);
    struct notify *out = NULL;
    struct errbuf why = {""};
    const struct notify_options options = {.socket = socket,
                                           .watchdog_usec = usec,
                                           .watchdog_pid = pid[0] == '\0' ? NULL : pid,
                                           .pid = 4711,
                                           .timers = fake_time_timers(time)};

    if (notify_new(&options, &out, &why) == ERR_OK) {
        assert(notify_watchdog_ms(out) >= 0);
    } else {
        assert(out == NULL && why.text[0] != '\0');
    }
    notify_free(out);
    fake_time_free(time);
    free(socket);
    free(usec);
    free(pid);
}

static void moments(const char *text)
{
    const int64_t at = strtoll(text, NULL, 10);
    const struct moment_text span = moment_span(at);
    const struct moment_text relative = moment_relative(at, FUZZ_NOW);
    const struct moment_text iso = moment_iso(at);

    assert(span.text[0] != '\0' && strlen(span.text) < sizeof(span.text));
    assert(relative.text[0] != '\0' && strlen(relative.text) < sizeof(relative.text));
    assert(iso.text[0] == '\0' || strlen(iso.text) == strlen("2026-11-23T22:15:04.123Z"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice in = {data, size};
    char *text = fuzz_text(in);

    endpoint(text);
    values(text);
    names(text);
    logged(text, LOG_FORMAT_LOGFMT);
    logged(text, LOG_FORMAT_JSON);
    as_json(text);
    moments(text);
    notify(in);
    free(text);
    return 0;
}
