/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_principal.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_value.h"

#define NAME_MAX_LEN 120
#define PREFIX_LEN   4 /* of "uid:", "gid:" and "dns:" */
#define LABEL_MAX    63
#define DNS_MAX      253
#define LOWER        "abcdefghijklmnopqrstuvwxyz"
#define UPPER        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS       "0123456789"

/* The identity behind a name known to this system. */
static bool find_name(enum config_principal_kind kind, const char *name, uint32_t *out_id)
{
    if (kind == CONFIG_PRINCIPAL_UID) {
        const struct passwd *user = getpwnam(name);
        if (user != NULL) {
            *out_id = user->pw_uid;
        }
        return user != NULL;
    }
    const struct group *group = getgrnam(name);
    if (group != NULL) {
        *out_id = group->gr_gid;
    }
    return group != NULL;
}

/* `text` is a prefix of PREFIX_LEN bytes and a name or number. */
static enum err parse_id(enum config_principal_kind kind, const char *text,
                         struct config_principal *out, struct errbuf *why)
{
    const char *name = text + PREFIX_LEN;
    const char *what = kind == CONFIG_PRINCIPAL_UID ? "user" : "group";
    struct errbuf unused = {""};
    uint32_t id = 0;

    if (config_value_is_digits(name)) {
        /* The last number means "no change" to the kernel and is nobody's. */
        if (config_value_uint(name, &id, &unused) != ERR_OK || id == UINT32_MAX) {
            errbuf_set(why, "\"%s\": no %s can have this number", config_value_show(text), what);
            return ERR_INVALID;
        }
    } else if (!text_is_label(name, NAME_MAX_LEN) || !find_name(kind, name, &id)) {
        errbuf_set(why,
                   "\"%s\": there is no such %s on this system: write a known name or a number",
                   config_value_show(text), what);
        return ERR_INVALID;
    }
    *out = (struct config_principal){.kind = kind, .id = id};
    return ERR_OK;
}

static enum err keep_pattern(enum config_principal_kind kind, const char *pattern,
                             struct config_principal *out, struct errbuf *why)
{
    char *copy = strdup(pattern);

    if (copy == NULL) {
        errbuf_set(why, "%s", err_text(ERR_NOMEM));
        return ERR_NOMEM;
    }
    *out = (struct config_principal){.kind = kind, .pattern = copy};
    return ERR_OK;
}

/* Whether each * of `text` is alone between two of `separator`, or at an end. */
static bool has_whole_stars(const char *text, char separator)
{
    for (const char *star = strchr(text, '*'); star != NULL; star = strchr(star + 1, '*')) {
        bool begins = star == text || star[-1] == separator;
        bool ends = star[1] == '\0' || star[1] == separator;
        if (!begins || !ends) {
            return false;
        }
    }
    return true;
}

/* What is wrong with a URI pattern, or NULL. */
static const char *find_uri_fault(const char *text)
{
    size_t scheme = strcspn(text, ":");
    const char *authority = text + scheme + 3;
    size_t authority_len = strcspn(authority, "/?#");

    if (strlen(text) > CONFIG_PATTERN_MAX) {
        return "is longer than 255 bytes";
    }
    if (scheme == 0 || strspn(text, LOWER DIGITS "+-.") != scheme ||
        strchr(LOWER, text[0]) == NULL) {
        return "has a scheme that no URI has: write it in small letters, as in spiffe://";
    }
    if (authority_len == 0) {
        return "has nothing between // and the path: name the trust domain or host there";
    }
    if (memchr(authority, '*', authority_len) != NULL) {
        return "has a * before its path: only whole segments of the path can be *";
    }
    if (strpbrk(authority, "?#") != NULL) {
        return "has a ? or #: only scheme, host and path are compared";
    }
    if (strstr(authority, "//") != NULL) {
        return "has an empty path segment, which matches nothing: remove a /";
    }
    return has_whole_stars(authority, '/') ? NULL
                                           : "has a * that is only a part of a path segment: write "
                                             "the segment out, or * for all of it";
}

static bool has_good_labels(const char *name)
{
    for (const char *at = name;;) {
        size_t len = strcspn(at, ".");
        bool is_star = len == 1 && at[0] == '*';
        bool is_word = len > 0 && len <= LABEL_MAX && strspn(at, LOWER UPPER DIGITS "-_") >= len;
        if (!is_star && !is_word) {
            return false;
        }
        if (at[len] == '\0') {
            return true;
        }
        at += len + 1;
    }
}

/* What is wrong with a pattern of DNS names, or NULL. */
static const char *find_dns_fault(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (strlen(name) > DNS_MAX) {
        return "is longer than 253 bytes, which no DNS name is";
    }
    if (!has_whole_stars(name, '.')) {
        return "has a * that is only a part of a label: write the label out, or * for all of it";
    }
    if (!has_good_labels(name)) {
        return "is no DNS name: labels of letters, digits and hyphens, with one dot between them";
    }
    if (strspn(name, "*.") == strlen(name)) {
        return "would match every name: write at least one label out";
    }
    return config_value_is_digits(dot == NULL ? name : dot + 1)
               ? "is an IP address: certificates of peers are known by URI or DNS name"
               : NULL;
}

/* Printable ASCII without blanks: what names in certificates are compared as. */
static bool is_plain(const char *text)
{
    const char *at = text;

    while (*at > ' ' && *at < 0x7f) {
        at++;
    }
    return *at == '\0';
}

static enum err parse_pattern(enum config_principal_kind kind, const char *text,
                              struct config_principal *out, struct errbuf *why)
{
    const char *pattern = kind == CONFIG_PRINCIPAL_DNS ? text + PREFIX_LEN : text;
    const char *fault = NULL;

    if (!is_plain(text)) {
        fault = "has blanks, or bytes that are not printable ASCII";
    } else if (kind == CONFIG_PRINCIPAL_DNS) {
        fault = find_dns_fault(pattern);
    } else {
        fault = find_uri_fault(pattern);
    }
    if (fault != NULL) {
        errbuf_set(why, "\"%s\" %s", config_value_show(text), fault);
        return ERR_INVALID;
    }
    return keep_pattern(kind, pattern, out, why);
}

enum err config_principal_parse(const char *text, struct config_principal *out, struct errbuf *why)
{
    if (strncmp(text, "uid:", PREFIX_LEN) == 0) {
        return parse_id(CONFIG_PRINCIPAL_UID, text, out, why);
    }
    if (strncmp(text, "gid:", PREFIX_LEN) == 0) {
        return parse_id(CONFIG_PRINCIPAL_GID, text, out, why);
    }
    if (strncmp(text, "dns:", PREFIX_LEN) == 0) {
        return parse_pattern(CONFIG_PRINCIPAL_DNS, text, out, why);
    }
    if (strstr(text, "://") != NULL) {
        return parse_pattern(CONFIG_PRINCIPAL_URI, text, out, why);
    }
    errbuf_set(why,
               "\"%s\" is nobody: write, as they are in your fleet, uid:33, gid:33, "
               "dns:*.fe.example.org or spiffe://example.org/frontend/*",
               config_value_show(text));
    return ERR_INVALID;
}
