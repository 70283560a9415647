/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose certificate it is, and whether a pattern means it. The first byte chooses:
 *
 *   0  a whole certificate (DER)
 *   1  the value of a subjectAltName extension (DER) in a certificate that is otherwise sound
 *   2  PATTERN, newline, NAME: DNS names, against a matcher written another way; and URIs
 *   3  a principal as a configuration writes it
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "config/config_principal.h"
#include "fuzz.h"
#include "serve/peer.h"
#include "wire/cert_names.h"
#include "wire/tls_context.h"

static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return false;
        }
    }
    return text[0] != '\0';
}

/* Label by label, from copies: nothing of the way cert_names.c does it. */
static bool dns_means(const char *pattern, const char *name)
{
    char *const patterns = strdup(pattern);
    char *const names = strdup(name);
    char *left = patterns;
    char *right = names;
    bool is_same = strchr(name, '*') == NULL;

    assert(patterns != NULL && names != NULL);
    while (is_same && left != NULL && right != NULL) {
        const char *a = strsep(&left, ".");
        const char *b = strsep(&right, ".");
        is_same = b[0] != '\0' && (strcmp(a, "*") == 0 || strcasecmp(a, b) == 0);
    }
    is_same = is_same && left == NULL && right == NULL;
    free(patterns);
    free(names);
    return is_same;
}

/* A holder of these names is found under each of them. */
static void check_peer(struct cert_names *names)
{
    struct peer peer = {.uid = 0};
    struct errbuf why = {""};
    char text[PEER_TEXT_MAX];

    const size_t count = names->count;
    const enum err rc = peer_of_certificate(names, "192.0.2.1:1234", &peer, &why);
    assert((rc == ERR_OK) == (count > 0));
    if (rc != ERR_OK) {
        assert(why.text[0] != '\0');
        return;
    }
    assert(names->count == 0);
    for (size_t i = 0; i < count; i++) {
        const struct cert_name *name = &peer.certificate->names.at[i];
        const bool is_found = peer_has_name(&peer, name->kind, name->text);
        /* A DNS name with an empty label is nobody's. */
        assert(is_found == (name->kind == CERT_NAME_DNS ? dns_means(name->text, name->text)
                                                        : strchr(name->text, '*') == NULL));
    }
    assert(!peer_is_user(&peer, 0) && !peer_has_group(&peer, 0));
    peer_format(&peer, text);
    assert(text[0] != '\0' && strlen(text) < sizeof(text));
    peer_fini(&peer);
}

static void check_certificate(const X509 *certificate)
{
    struct cert_names names;
    struct errbuf why = {""};

    fuzz_stain(&names, sizeof(names));
    if (cert_names_of(certificate, &names, &why) != ERR_OK) {
        assert(why.text[0] != '\0' && fuzz_is_stained(&names, sizeof(names)));
    } else {
        size_t bytes = 0;
        assert(names.count <= CERT_NAMES_MAX);
        for (size_t i = 0; i < names.count; i++) {
            assert(is_plain(names.at[i].text));
            bytes += strlen(names.at[i].text) + 1;
        }
        assert(bytes <= CERT_NAMES_BYTES_MAX);
        check_peer(&names);
        cert_names_fini(&names);
    }
    why.text[0] = '\0';
    assert(tls_check_purpose(certificate, TLS_SERVER, true, &why) == ERR_OK || why.text[0] != '\0');
    (void)tls_not_after_ms(certificate);
    ERR_clear_error();
}

static void whole(struct slice in)
{
    const unsigned char *at = in.at;
    X509 *certificate = d2i_X509(NULL, &at, (long)in.len);

    ERR_clear_error();
    if (certificate != NULL) {
        check_certificate(certificate);
        X509_free(certificate);
    }
}

static void extension(struct slice in)
{
    X509 *certificate = X509_new();
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

    assert(certificate != NULL && value != NULL);
    assert(ASN1_OCTET_STRING_set(value, in.at, (int)in.len) == 1);
    X509_EXTENSION *made = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, value);
    assert(made != NULL && X509_add_ext(certificate, made, -1) == 1);
    check_certificate(certificate);
    X509_EXTENSION_free(made);
    ASN1_OCTET_STRING_free(value);
    X509_free(certificate);
}

static void patterns(struct slice in)
{
    const struct slice first = fuzz_cut(&in, '\n');
    char *pattern = fuzz_text(first);
    char *name = fuzz_text(in);

    if (is_plain(pattern) && is_plain(name)) {
        assert(cert_pattern_matches(CERT_NAME_DNS, pattern, name) == dns_means(pattern, name));
        const bool is_uri = cert_pattern_matches(CERT_NAME_URI, pattern, name);
        assert(!is_uri || strchr(name, '*') == NULL);
        /* Without a star it is the same but for the case of scheme and authority. */
        assert(!is_uri || strchr(pattern, '*') != NULL || strcasecmp(pattern, name) == 0);
        assert(cert_pattern_matches(CERT_NAME_URI, name, name) == (strchr(name, '*') == NULL));
        assert(strcmp(pattern, name) != 0 || is_uri || strchr(name, '*') != NULL);
    }
    free(pattern);
    free(name);
}

static void principal(struct slice in)
{
    struct config_principal out;
    struct errbuf why = {""};
    char *text = fuzz_text(in);

    fuzz_stain(&out, sizeof(out));
    if (config_principal_parse(text, &out, &why) == ERR_OK) {
        if (out.pattern != NULL) {
            assert(is_plain(out.pattern));
        }
        free(out.pattern);
    } else {
        assert(why.text[0] != '\0' && fuzz_is_stained(&out, sizeof(out)));
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const ways[])(struct slice) = {whole, extension, patterns, principal};

    if (size > 0) {
        ways[data[0] % 4]((struct slice){data + 1, size - 1});
    }
    return 0;
}
