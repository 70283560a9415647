/* SPDX-License-Identifier: Apache-2.0 */
#include "src/endpoint.h"

#include <string.h>

#include "base/text.h"

#define SCHEME "unix:"
#define FORMS  "\"host:port\", \"[v6 address]:port\" or \"unix:/absolute/path\""

static const char name_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
static const char v6_bytes[] = "0123456789abcdefABCDEF:.%abcdefghijklmnopqrstuvwxyz";

static enum err parse_path(const char *text, struct endpoint *out, struct errbuf *why)
{
    const char *path = text + strlen(SCHEME);
    if (path[0] != '/') {
        errbuf_set(why, "\"%s\": the path must be absolute: unix:/run/stekd/stekd.sock", text);
        return ERR_INVALID;
    }
    if (text_copy(out->path, sizeof(out->path), path) != ERR_OK) {
        errbuf_set(why, "\"%s\": the path has more than %d bytes", text, ENDPOINT_PATH_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Digits only, 1 to 65535. */
static bool parse_port(const char *text, uint16_t *out)
{
    uint32_t port = 0;
    const size_t len = strspn(text, "0123456789");
    if (len == 0 || len > 5 || text[len] != '\0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    *out = (uint16_t)port;
    return port >= 1 && port <= UINT16_MAX;
}

/* The host is text[from, until), and must be made of `allowed`. */
static bool take_host(const char *text, size_t from, size_t until, const char *allowed,
                      struct endpoint *out)
{
    if (until <= from || until - from > ENDPOINT_HOST_MAX ||
        strspn(text + from, allowed) < until - from) {
        return false;
    }
    memcpy(out->host, text + from, until - from);
    out->host[until - from] = '\0';
    return true;
}

static enum err parse_host_and_port(const char *text, struct endpoint *out, struct errbuf *why)
{
    const char *colon = strrchr(text, ':');
    bool is_host = false;
    out->is_tcp = true;
    if (colon == NULL) {
        errbuf_set(why, "\"%s\": an endpoint is " FORMS, text);
        return ERR_INVALID;
    }
    const size_t end = (size_t)(colon - text);
    if (text[0] == '[' && end > 0 && text[end - 1] == ']') {
        is_host = take_host(text, 1, end - 1, v6_bytes, out) && strchr(out->host, ':') != NULL;
    } else {
        is_host = take_host(text, 0, end, name_bytes, out) && out->host[0] != '-';
    }
    if (!is_host) {
        errbuf_set(why, "\"%s\": that is no host; an endpoint is " FORMS, text);
        return ERR_INVALID;
    }
    if (!parse_port(colon + 1, &out->port)) {
        errbuf_set(why, "\"%s\": the port is a number from 1 to 65535; an endpoint is " FORMS,
                   text);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err endpoint_parse(const char *text, struct endpoint *out, struct errbuf *why)
{
    struct endpoint parsed = {.is_tcp = false};
    if (!text_is_label(text, ENDPOINT_TEXT_MAX)) {
        errbuf_set(why, "an endpoint is " FORMS " of at most %d bytes", ENDPOINT_TEXT_MAX);
        return ERR_INVALID;
    }
    const bool is_path = strncmp(text, SCHEME, strlen(SCHEME)) == 0;
    enum err rc =
        is_path ? parse_path(text, &parsed, why) : parse_host_and_port(text, &parsed, why);
    if (rc == ERR_OK) {
        rc = text_copy(parsed.text, sizeof(parsed.text), text);
    }
    if (rc == ERR_OK) {
        *out = parsed;
    }
    return rc;
}
