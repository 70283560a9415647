/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cert_names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

/* ---- patterns ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equals_without_case(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

static bool is_star(const char *part, size_t len)
{
    return len == 1 && part[0] == '*';
}

static bool matches_dns(const char *pattern, const char *name)
{
    for (;;) {
        size_t want = strcspn(pattern, ".");
        size_t have = strcspn(name, ".");
        if (have == 0) {
            return false;
        }
        if (!is_star(pattern, want) &&
            (want != have || !equals_without_case(pattern, name, want))) {
            return false;
        }
        if (pattern[want] != name[have]) {
            return false; /* one of them has more labels */
        }
        if (pattern[want] == '\0') {
            return true;
        }
        pattern += want + 1;
        name += have + 1;
    }
}

/* A segment that `*` stands for. An escaped character could be a slash, and ".." somebody else. */
static bool is_plain_segment(const char *segment, size_t len)
{
    if (len == 0 || (segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.')))) {
        return false;
    }
    return memchr(segment, '%', len) == NULL && memchr(segment, '?', len) == NULL &&
           memchr(segment, '#', len) == NULL;
}

/* Both begin with the slash, or are empty. */
static bool matches_path(const char *pattern, const char *path)
{
    const bool may_match_stars = strpbrk(path, "?#") == NULL;

    while (*pattern == '/' && *path == '/') {
        size_t want = strcspn(++pattern, "/");
        size_t have = strcspn(++path, "/");
        bool is_same = want == have && memcmp(pattern, path, want) == 0; /* lint: public bytes */
        bool is_any = may_match_stars && is_star(pattern, want) && is_plain_segment(path, have);
        if (!is_same && !is_any) {
            return false;
        }
        pattern += want;
        path += have;
    }
    return *pattern == '\0' && *path == '\0';
}

/* The length of "scheme://authority"; 0: it has no authority. */
static size_t origin_length(const char *uri)
{
    const char *mark = strstr(uri, "://");

    return mark == NULL ? 0 : (size_t)(mark - uri) + 3 + strcspn(mark + 3, "/?#");
}

static bool matches_uri(const char *pattern, const char *name)
{
    size_t want = origin_length(pattern);
    size_t have = origin_length(name);

    if (want == 0 || have == 0) {
        return strcmp(pattern, name) == 0; /* urn:..., compared as a whole */
    }
    if (want != have || !equals_without_case(pattern, name, want)) {
        return false;
    }
    /* A query right behind the authority is no path: only the very same one matches. */
    return strcmp(pattern + want, name + have) == 0 || matches_path(pattern + want, name + have);
}

bool cert_pattern_matches(enum cert_name_kind kind, const char *pattern, const char *name)
{
    if (name[0] == '\0' || strchr(name, '*') != NULL) {
        return false;
    }
    return kind == CERT_NAME_DNS ? matches_dns(pattern, name) : matches_uri(pattern, name);
}

/* ---- certificates ---- */

/* NULL: not one of the textual kinds. */
static const ASN1_IA5STRING *text_of(const GENERAL_NAME *name)
{
    switch (name->type) {
    case GEN_URI:
        return name->d.uniformResourceIdentifier;
    case GEN_DNS:
        return name->d.dNSName;
    case GEN_EMAIL:
        return name->d.rfc822Name;
    default:
        return NULL;
    }
}

static const char *kind_text(const GENERAL_NAME *name)
{
    return name->type == GEN_URI ? "URI" : name->type == GEN_DNS ? "DNS name" : "mail address";
}

static enum err check_text(const GENERAL_NAME *name, struct errbuf *why)
{
    const ASN1_IA5STRING *text = text_of(name);

    if (text == NULL) {
        return ERR_OK;
    }
    const unsigned char *bytes = ASN1_STRING_get0_data(text);
    const int len = ASN1_STRING_length(text);
    if (len == 0) {
        errbuf_set(why, "its certificate holds an empty %s", kind_text(name));
        return ERR_DENIED;
    }
    for (int i = 0; i < len; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~') {
            errbuf_set(why,
                       "a %s in its certificate holds the byte 0x%02x, which has no place in a "
                       "name: issue a new certificate without it",
                       kind_text(name), bytes[i]);
            return ERR_DENIED;
        }
    }
    return ERR_OK;
}

static bool is_kept(const GENERAL_NAME *name)
{
    return name->type == GEN_URI || name->type == GEN_DNS;
}

/* Every name is looked at, whatever comes of the others. */
static enum err measure(const GENERAL_NAMES *names, size_t *out_count, size_t *out_bytes,
                        struct errbuf *why)
{
    size_t count = 0;
    size_t bytes = 0;
    const int total = sk_GENERAL_NAME_num(names);

    for (int i = 0; i < total; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        enum err rc = check_text(name, why);
        if (rc != ERR_OK) {
            return rc;
        }
        if (is_kept(name)) {
            count++;
            bytes += (size_t)ASN1_STRING_length(text_of(name)) + 1;
        }
    }
    if (total > CERT_NAMES_MAX || bytes > CERT_NAMES_BYTES_MAX) {
        errbuf_set(why,
                   "its certificate holds %d names, %zu bytes of them URIs and DNS names; at most "
                   "%d and %d are taken",
                   total, bytes, CERT_NAMES_MAX, CERT_NAMES_BYTES_MAX);
        return ERR_LIMIT;
    }
    *out_count = count;
    *out_bytes = bytes;
    return ERR_OK;
}

static enum err copy_names(const GENERAL_NAMES *names, struct cert_names *out, struct errbuf *why)
{
    size_t count = 0;
    size_t bytes = 0;
    enum err rc = measure(names, &count, &bytes, why);

    if (rc != ERR_OK || count == 0) {
        return rc;
    }
    struct cert_name *at = malloc(count * sizeof(*at) + bytes);
    if (at == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    char *text = (char *)(at + count);
    out->at = at;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (!is_kept(name)) {
            continue;
        }
        const size_t len = (size_t)ASN1_STRING_length(text_of(name));
        memcpy(text, ASN1_STRING_get0_data(text_of(name)), len);
        text[len] = '\0';
        out->at[out->count++] =
            (struct cert_name){name->type == GEN_URI ? CERT_NAME_URI : CERT_NAME_DNS, text};
        text += len + 1;
    }
    return ERR_OK;
}

enum err cert_names_of(const X509 *certificate, struct cert_names *out, struct errbuf *why)
{
    struct cert_names made = {0};
    int critical = 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    enum err rc = ERR_OK;

    if (names != NULL) {
        rc = copy_names(names, &made, why);
        GENERAL_NAMES_free(names);
    } else if (critical != -1) { /* -1: there is none */
        errbuf_set(why, "the subjectAltName of its certificate %s",
                   critical == -2 ? "is there twice" : "cannot be read");
        rc = ERR_DENIED;
    }
    if (rc == ERR_OK) {
        *out = made;
    }
    return rc;
}

void cert_names_fini(struct cert_names *names)
{
    free(names->at);
    *names = (struct cert_names){0};
}
