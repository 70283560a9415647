/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_name.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/config_value.h"

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

#define LABEL_MAX 63 /* RFC 1035 §2.3.4 */

const char *pki_name_kind_text(enum pki_name_kind kind)
{
    switch (kind) {
    case PKI_NAME_DNS:
        return "dns";
    case PKI_NAME_IP:
        return "ip";
    case PKI_NAME_URI:
        return "uri";
    }
    return "?";
}

/* Lower-case labels of letters, digits and inner hyphens; the last one not all digits, for that is
 * a mistyped address. */
static bool is_dns_name(const char *text)
{
    const char *label = text;
    bool is_number = true;

    for (;;) {
        size_t len = strcspn(label, ".");
        if (len < 1 || len > LABEL_MAX || strspn(label, LOWER DIGITS "-") != len ||
            label[0] == '-' || label[len - 1] == '-') {
            return false;
        }
        is_number = strspn(label, DIGITS) == len;
        if (label[len] == '\0') {
            return !is_number;
        }
        label += len + 1;
    }
}

static enum err copy_lower(const char *text, char out[PKI_NAME_MAX + 1], struct errbuf *why)
{
    if (text_copy(out, PKI_NAME_MAX + 1, text) != ERR_OK) {
        errbuf_set(why, "a name has at most %d bytes; this one has %zu", PKI_NAME_MAX,
                   strlen(text));
        return ERR_INVALID;
    }
    for (char *at = out; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z') {
            *at = (char)(*at - 'A' + 'a');
        }
    }
    return ERR_OK;
}

static enum err check_dns(const char *shown, const char *text, struct errbuf *why)
{
    if (strchr(text, '*') != NULL) {
        errbuf_set(why,
                   "\"%s\": a wildcard in a certificate never matches here; name each host, and "
                   "put the * into the rule in stekd.yaml",
                   config_value_show(shown));
        return ERR_INVALID;
    }
    if (!is_dns_name(text)) {
        errbuf_set(why,
                   "\"%s\" is neither a DNS name (labels of a-z, 0-9 and -) nor an IP address; "
                   "no port, no scheme",
                   config_value_show(shown));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* The address inside "[...]", or the text itself. */
static bool is_address(const char *text, char out[INET6_ADDRSTRLEN])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char inner[INET6_ADDRSTRLEN];
    size_t len = strlen(text);

    if (inet_pton(AF_INET, text, bytes) == 1) {
        return inet_ntop(AF_INET, bytes, out, INET6_ADDRSTRLEN) != NULL;
    }
    if (len > 2 && text[0] == '[' && text[len - 1] == ']' && len - 2 < sizeof(inner)) {
        memcpy(inner, text + 1, len - 2);
        inner[len - 2] = '\0';
        text = inner;
    }
    return inet_pton(AF_INET6, text, bytes) == 1 &&
           inet_ntop(AF_INET6, bytes, out, INET6_ADDRSTRLEN) != NULL;
}

enum err pki_name_of_host(const char *text, struct pki_name *out, struct errbuf *why)
{
    struct pki_name name = {.kind = PKI_NAME_DNS};
    char address[INET6_ADDRSTRLEN];

    if (is_address(text, address)) {
        name.kind = PKI_NAME_IP;
        if (text_copy(name.text, sizeof(name.text), address) != ERR_OK) {
            return ERR_INVALID;
        }
        *out = name;
        return ERR_OK;
    }
    enum err rc = copy_lower(text, name.text, why);
    if (rc == ERR_OK) {
        rc = check_dns(text, name.text, why);
    }
    if (rc == ERR_OK) {
        *out = name;
    }
    return rc;
}

enum err pki_name_check_domain(const char *text, struct errbuf *why)
{
    if (strlen(text) > PKI_NAME_MAX || !is_dns_name(text)) {
        errbuf_set(why, "domain \"%s\": must be like example.org: labels of a-z, 0-9 and -",
                   config_value_show(text));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* Non-empty segments that are neither "." nor "..". `at` is the '/' before the first. */
static bool is_path(const char *at)
{
    while (*at == '/') {
        const char *segment = at + 1;
        size_t len = strspn(segment, LETTERS DIGITS "-._~:@%+=,");
        if (len == 0 || (len == 1 && segment[0] == '.') ||
            (len == 2 && segment[0] == '.' && segment[1] == '.')) {
            return false;
        }
        at = segment + len;
    }
    return *at == '\0';
}

static bool is_uri(const char *text)
{
    const char *colon = strstr(text, "://");
    size_t scheme = strspn(text, LOWER DIGITS "+.-");

    if (colon == NULL || (size_t)(colon - text) != scheme || strspn(text, LOWER) == 0) {
        return false;
    }
    const char *authority = colon + 3;
    size_t len = strspn(authority, LOWER DIGITS "-._:");
    return len > 0 && authority[len] == '/' && is_path(authority + len);
}

static enum err set_uri(const char *text, struct pki_name *out, struct errbuf *why)
{
    if (strlen(text) > PKI_NAME_MAX) {
        errbuf_set(why, "a name has at most %d bytes; this one has %zu", PKI_NAME_MAX,
                   strlen(text));
        return ERR_INVALID;
    }
    if (strchr(text, '*') != NULL) {
        return check_dns(text, text, why);
    }
    if (!is_uri(text)) {
        errbuf_set(why,
                   "\"%s\" is no name for a certificate: write it like "
                   "spiffe://example.org/frontend/fe-1 (scheme and host in lower case)",
                   config_value_show(text));
        return ERR_INVALID;
    }
    out->kind = PKI_NAME_URI;
    return text_copy(out->text, sizeof(out->text), text);
}

enum err pki_name_of_client(const char *text, const char *domain, const char *role,
                            struct pki_name *out, struct errbuf *why)
{
    struct pki_name name = {.kind = PKI_NAME_URI};
    char uri[3 * (PKI_NAME_MAX + 1)];

    if (strncmp(text, "dns:", 4) == 0) {
        struct pki_name host = {.kind = PKI_NAME_DNS};
        enum err rc = pki_name_of_host(text + 4, &host, why);
        if (rc == ERR_OK && host.kind != PKI_NAME_DNS) {
            errbuf_set(why, "\"%s\": an address is not how a client is known", text);
            rc = ERR_INVALID;
        }
        if (rc == ERR_OK) {
            *out = host;
        }
        return rc;
    }
    if (strchr(text, ':') == NULL && strchr(text, '/') == NULL && strlen(text) <= PKI_NAME_MAX) {
        (void)snprintf(uri, sizeof(uri), "spiffe://%s/%s/%s", domain, role, text);
        text = uri;
    }
    enum err rc = set_uri(text, &name, why);
    if (rc == ERR_OK) {
        *out = name;
    }
    return rc;
}

enum err pki_name_stem(const struct pki_name *name, char out[PKI_NAME_MAX + 1], struct errbuf *why)
{
    const char *from = name->text;

    if (name->kind == PKI_NAME_URI) {
        from = strrchr(name->text, '/') + 1;
    }
    size_t len = strlen(from);
    if (from[0] == '.' || from[0] == '-' || strspn(from, LETTERS DIGITS "-._:@+=") != len ||
        strcmp(from, "ca") == 0) {
        errbuf_set(why, "\"%s\" makes no good file name: say --out PATH", from);
        return ERR_INVALID;
    }
    for (size_t i = 0; i <= len; i++) {
        out[i] = (char)(from[i] == ':' ? '_' : from[i]);
    }
    return ERR_OK;
}
