/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_value.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"

#define SHOWN_MAX 120

const char *config_value_show(const char *text)
{
    return text[0] == '\0' || text_is_label(text, SHOWN_MAX) ? text : "(unprintable or too long)";
}

/* The number at the front of `text`; *out_rest is what follows. False: no digit, or too large. */
static bool take_number(const char *text, unsigned base, uint64_t limit, uint64_t *out,
                        const char **out_rest)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at < (char)('0' + base); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (limit - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    if (at == text) {
        return false;
    }
    *out = value;
    *out_rest = at;
    return true;
}

bool config_value_is_digits(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

enum err config_value_duration(const char *text, int64_t *out_ms, struct errbuf *why)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const char *digits_end = text + strspn(text, "0123456789");
    uint64_t number = 0;
    const char *unit = "";

    if (config_value_is_digits(text)) {
        errbuf_set(why, "\"%s\" has no unit: write %.20ss, %.20sm or %.20sh",
                   config_value_show(text), text, text, text);
        return ERR_INVALID;
    }
    for (size_t i = 0; digits_end != text && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(digits_end, units[i].unit) != 0) {
            continue;
        }
        if (!take_number(text, 10, (uint64_t)(INT64_MAX / units[i].ms), &number, &unit)) {
            errbuf_set(why, "\"%s\" is too long a time", config_value_show(text));
            return ERR_INVALID;
        }
        *out_ms = (int64_t)number * units[i].ms;
        return ERR_OK;
    }
    errbuf_set(why, "\"%s\" is not a duration: a whole number and one of ms, s, m, h, d, as in 12h",
               config_value_show(text));
    return ERR_INVALID;
}

enum err config_value_uint(const char *text, uint32_t *out, struct errbuf *why)
{
    uint64_t value = 0;
    const char *rest = "";

    if (!take_number(text, 10, UINT32_MAX, &value, &rest) || rest[0] != '\0') {
        errbuf_set(why, "\"%s\" is not a whole number%s", config_value_show(text),
                   config_value_is_digits(text) ? " that fits" : "");
        return ERR_INVALID;
    }
    *out = (uint32_t)value;
    return ERR_OK;
}

enum err config_value_mode(const char *text, uint32_t *out, struct errbuf *why)
{
    uint64_t value = 0;
    const char *rest = "";

    if (!take_number(text, 8, 07777, &value, &rest) || rest[0] != '\0') {
        errbuf_set(why, "\"%s\" is not a file mode: octal digits, as in \"0660\"",
                   config_value_show(text));
        return ERR_INVALID;
    }
    *out = (uint32_t)value;
    return ERR_OK;
}

enum err config_value_path(const char *text, struct errbuf *why)
{
    const size_t len = strlen(text);

    if (len > CONFIG_PATH_MAX) {
        errbuf_set(why, "a path has at most %d bytes; this one has %zu", CONFIG_PATH_MAX, len);
        return ERR_INVALID;
    }
    if (len == 0 || !text_is_label(text, CONFIG_PATH_MAX) || text[0] == ' ' ||
        text[len - 1] == ' ') {
        errbuf_set(why, "\"%s\" is no path: printable text without blanks at its ends",
                   config_value_show(text));
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err config_value_unix_path(const char *text, struct errbuf *why)
{
    if (text[0] != '/') {
        errbuf_set(why, "\"%s\" is not an absolute path: begin with /", config_value_show(text));
        return ERR_INVALID;
    }
    if (strlen(text) > CONFIG_UNIX_PATH_MAX) {
        errbuf_set(why, "a socket path has at most %d bytes; this one has %zu",
                   CONFIG_UNIX_PATH_MAX, strlen(text));
        return ERR_INVALID;
    }
    if (!text_is_label(text, CONFIG_UNIX_PATH_MAX) || text[strlen(text) - 1] == '/') {
        errbuf_set(why, "\"%s\" is not the path of a file", config_value_show(text));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* The address without its brackets, as far as the colon before the port. */
static bool split_address(const char *text, struct config_http *out, uint64_t *out_port)
{
    bool is_v6 = text[0] == '[';
    const char *from = is_v6 ? text + 1 : text;
    size_t len = strcspn(from, is_v6 ? "]" : ":");
    const char *rest = from + len;

    if (len == 0 || len > CONFIG_HTTP_MAX ||
        strncmp(rest, is_v6 ? "]:" : ":", is_v6 ? 2 : 1) != 0) {
        return false;
    }
    rest += is_v6 ? 2 : 1;
    memcpy(out->address, from, len);
    out->address[len] = '\0';
    return config_value_is_digits(rest) && take_number(rest, 10, UINT16_MAX, out_port, &rest) &&
           *out_port > 0;
}

/* Whoever connects is not asked who they are: nobody but this machine may. */
static bool is_loopback(const struct config_http *http, bool is_v6)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (is_v6) {
        return inet_pton(AF_INET6, http->address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return inet_pton(AF_INET, http->address, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

enum err config_value_loopback(const char *text, struct config_http *out, struct errbuf *why)
{
    struct config_http http = {0};
    uint64_t port = 0;

    if (!split_address(text, &http, &port)) {
        errbuf_set(why, "\"%s\" is not an address and a port: write 127.0.0.1:7480",
                   config_value_show(text));
        return ERR_INVALID;
    }
    if (!is_loopback(&http, text[0] == '[')) {
        errbuf_set(why,
                   "\"%s\" is not a loopback address, and nobody is asked who they are there: "
                   "write 127.0.0.1:%u or \"[::1]:%u\"",
                   config_value_show(text), (unsigned)port, (unsigned)port);
        return ERR_INVALID;
    }
    http.port = (uint16_t)port;
    *out = http;
    return ERR_OK;
}

static enum err refuse_address(const char *text, struct errbuf *why)
{
    errbuf_set(why, "\"%s\" is no address: HOST:PORT, [IPv6]:PORT or unix:/PATH",
               config_value_show(text));
    return ERR_INVALID;
}

static enum err read_port(const char *text, uint16_t *out, struct errbuf *why)
{
    uint32_t port = 0;

    if (config_value_uint(text, &port, why) != ERR_OK || port == 0 || port > UINT16_MAX) {
        errbuf_set(why, "\"%s\" is no port: 1 to 65535", config_value_show(text));
        return ERR_INVALID;
    }
    *out = (uint16_t)port;
    return ERR_OK;
}

enum err config_value_address(const char *text, struct config_address *out, struct errbuf *why)
{
    struct config_address address = {.port = 0};
    const char *colon = strrchr(text, ':');

    if (strncmp(text, "unix:", 5) == 0) {
        enum err rc = config_value_unix_path(text + 5, why);
        if (rc == ERR_OK) {
            rc = text_copy(address.unix_path, sizeof(address.unix_path), text + 5);
        }
        if (rc == ERR_OK) {
            *out = address;
        }
        return rc;
    }
    bool is_bracketed = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';
    const char *host = is_bracketed ? text + 1 : text;
    size_t len = colon == NULL ? 0 : (size_t)(colon - host) - (is_bracketed ? 1 : 0);
    if (len == 0 || len > CONFIG_HOST_MAX || !text_is_label(text, CONFIG_HOST_MAX + 8)) {
        return refuse_address(text, why);
    }
    memcpy(address.host, host, len);
    if (strpbrk(address.host, is_bracketed ? " /[]" : " /[]:") != NULL) {
        return refuse_address(text, why);
    }
    enum err rc = read_port(colon + 1, &address.port, why);
    if (rc == ERR_OK) {
        *out = address;
    }
    return rc;
}
