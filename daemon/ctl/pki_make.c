/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_make.h"

#include <stdio.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/text.h"
#include "config/config_value.h"
#include "ctl/pki_crl.h"
#include "ctl/pki_x509.h"

#define DAY_MS        86400000
#define CLOCK_SKEW_MS 300000 /* valid a little before now: not every host's clock is this one's */
#define CA_NAME       "stekd throw-away CA"
#define CA_DOMAIN     "example.org"
#define CA_NAME_MAX   64 /* RFC 5280, ub-common-name */
#define KEK_LEN       32
#define LIST_MAX      PKI_FILE_MAX

static const char extension_certificate[] = ".pem";
static const char extension_key[] = ".key";

/* "<folder>/<name><extension>", or without folder when that is NULL. */
static enum err join(char out[PKI_PATH_MAX + 1], const char *folder, const char *name,
                     const char *extension, struct errbuf *why)
{
    int len = snprintf(out, PKI_PATH_MAX + 1, "%s%s%s%s", folder != NULL ? folder : "",
                       folder != NULL ? "/" : "", name, extension);

    if (len < 0 || len > PKI_PATH_MAX) {
        errbuf_set(why, "a path has at most %d bytes", PKI_PATH_MAX);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err join_pair(struct pki_made *made, const char *folder, const char *name,
                          struct errbuf *why)
{
    enum err rc = join(made->paths[0], folder, name, extension_certificate, why);

    if (rc == ERR_OK) {
        rc = join(made->paths[1], folder, name, extension_key, why);
    }
    made->path_count = 2;
    return rc;
}

static struct slice slice_of(const struct secret_buf *buf)
{
    return (struct slice){buf->at, buf->len};
}

/* The key first: a certificate without its key would look as if all were done. */
static enum err write_pair(const struct pki_made *made, const struct pki_identity *identity,
                           bool overwrites, struct errbuf *why)
{
    struct secret_buf certificate = {0};
    struct secret_buf key = {0};

    enum err rc = pki_x509_encode(identity->certificate, &certificate);
    if (rc == ERR_OK) {
        rc = pki_x509_encode_key(identity->key, &key);
    }
    if (rc == ERR_OK) {
        const struct pki_file files[] = {
            {made->paths[1], slice_of(&key), PKI_MODE_KEY},
            {made->paths[0], slice_of(&certificate), PKI_MODE_OTHER},
        };
        rc = pki_files_write(files, 2, overwrites, why);
    } else {
        errbuf_set(why, "the certificate could not be written as PEM: %s", err_text(rc));
    }
    secret_buf_fini(&certificate);
    secret_buf_fini(&key);
    return rc;
}

static enum err check_free(const struct pki_args *args, const struct pki_made *made,
                           struct errbuf *why)
{
    const char *advice = args->act == PKI_ACT_CA
                             ? "--force makes a new CA, which trusts no certificate of the old one"
                             : "--out names another, --force overwrites it";
    enum err rc = ERR_OK;

    for (size_t i = 0; i < made->path_count && rc == ERR_OK && !args->is_force; i++) {
        rc = pki_file_check_free(made->paths[i], advice, why);
    }
    return rc;
}

/* --- a CA ------------------------------------------------------------------------------------- */

static enum err name_ca(const struct pki_args *args, struct pki_made *made, struct errbuf *why)
{
    const char *domain = args->domain != NULL ? args->domain : CA_DOMAIN;
    int len = 0;

    if (args->name != NULL && !text_is_label(args->name, CA_NAME_MAX)) {
        errbuf_set(why, "--name: must be one line of at most %d bytes", CA_NAME_MAX);
        return ERR_INVALID;
    }
    enum err rc = pki_name_check_domain(domain, why);
    if (rc == ERR_OK) {
        rc = text_copy(made->domain, sizeof(made->domain), domain);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    made->names[0].kind = PKI_NAME_URI;
    made->name_count = 1;
    len = snprintf(made->names[0].text, sizeof(made->names[0].text), "spiffe://%s", domain);
    if (len < 0 || (size_t)len >= sizeof(made->names[0].text)) {
        errbuf_set(why, "domain \"%s\": is too long", domain);
        return ERR_INVALID;
    }
    return join_pair(made, args->ca_dir, "ca", why);
}

static enum err make_ca(const struct pki_args *args, int64_t now_ms,
                        const struct random_source *random, struct pki_made *made,
                        struct errbuf *why)
{
    struct pki_identity ca = {NULL, NULL};
    enum err rc = name_ca(args, made, why);

    const struct pki_subject subject = {
        .use = PKI_USE_CA,
        .common_name = args->name != NULL ? args->name : CA_NAME,
        .names = made->names,
        .name_count = made->name_count,
        .from_ms = now_ms - CLOCK_SKEW_MS,
        .until_ms = now_ms + args->days * (int64_t)DAY_MS,
    };
    if (rc == ERR_OK) {
        rc = check_free(args, made, why);
    }
    if (rc == ERR_OK) {
        rc = pki_folder_make(args->ca_dir, why);
    }
    if (rc == ERR_OK) {
        rc = pki_x509_make(&subject, NULL, random, &ca, why);
    }
    if (rc == ERR_OK) {
        made->until_ms = pki_x509_until_ms(ca.certificate);
        rc = write_pair(made, &ca, args->is_force, why);
    }
    pki_identity_fini(&ca);
    return rc;
}

/* ERR_NOT_FOUND, with how to get one. Not ERR_INVALID: the command line is right. */
static enum err load_ca(const char *folder, int64_t now_ms, struct pki_identity *out,
                        struct errbuf *why)
{
    char path[PKI_PATH_MAX + 1];
    struct secret_buf certificate = {0};
    struct secret_buf key = {0};

    enum err rc = join(path, folder, "ca", extension_certificate, why);
    if (rc == ERR_OK) {
        rc = pki_file_read(path, false, &certificate, why);
    }
    if (rc == ERR_OK) {
        rc = join(path, folder, "ca", extension_key, why);
    }
    if (rc == ERR_OK) {
        rc = pki_file_read(path, true, &key, why);
    }
    if (rc == ERR_NOT_FOUND) {
        errbuf_set(why, "%s: is not there: stekctl pki ca makes a CA, --ca-dir names its folder",
                   config_value_show(path));
    }
    if (rc == ERR_OK) {
        rc = pki_x509_load_ca(slice_of(&certificate), slice_of(&key), now_ms, out, why);
        if (rc != ERR_OK) {
            errbuf_prefix(why, "the CA in %s", config_value_show(folder));
        }
    }
    secret_buf_fini(&certificate);
    secret_buf_fini(&key);
    return rc == ERR_INVALID ? ERR_REFUSED : rc;
}

/* --- a server, a client, an operator ---------------------------------------------------------- */

static enum err name_client(const struct pki_args *args, const X509 *ca, struct pki_made *made,
                            struct errbuf *why)
{
    const char *role = args->act == PKI_ACT_OPERATOR ? "operator" : "frontend";
    char domain[PKI_NAME_MAX + 1] = "";
    const char *word = args->words[0];

    made->name_count = 1;
    if (strstr(word, "://") == NULL && strncmp(word, "dns:", 4) != 0 &&
        pki_x509_domain(ca, domain) != ERR_OK) {
        errbuf_set(why,
                   "\"%s\": this CA names no trust domain, so write the whole name: "
                   "spiffe://example.org/%s/%s",
                   config_value_show(word), role, config_value_show(word));
        return ERR_INVALID;
    }
    return pki_name_of_client(word, domain, role, &made->names[0], why);
}

static enum err name_leaf(const struct pki_args *args, const X509 *ca, struct pki_made *made,
                          struct errbuf *why)
{
    char stem[PKI_NAME_MAX + 1] = "";
    enum err rc = ERR_OK;

    if (args->act == PKI_ACT_SERVER) {
        for (size_t i = 0; i < args->word_count && rc == ERR_OK; i++) {
            rc = pki_name_of_host(args->words[i], &made->names[i], why);
        }
        made->name_count = args->word_count;
    } else {
        rc = name_client(args, ca, made, why);
    }
    if (rc != ERR_OK || args->out != NULL) {
        return rc != ERR_OK ? rc : join_pair(made, NULL, args->out, why);
    }
    rc = pki_name_stem(&made->names[0], stem, why);
    return rc == ERR_OK ? join_pair(made, args->ca_dir, stem, why) : rc;
}

/* --force is for certificates that are there, and never for the CA that signs them. */
static enum err check_not_ca(const struct pki_args *args, const struct pki_made *made,
                             struct errbuf *why)
{
    char path[PKI_PATH_MAX + 1];
    enum err rc = join(path, args->ca_dir, "ca", extension_key, why);

    if (rc == ERR_OK && pki_file_is_same(path, made->paths[1])) {
        errbuf_set(why, "%s: is the CA's own key", config_value_show(made->paths[1]));
        return ERR_REFUSED;
    }
    return rc;
}

static enum err make_leaf(const struct pki_args *args, int64_t now_ms,
                          const struct random_source *random, struct pki_made *made,
                          struct errbuf *why)
{
    struct pki_identity ca = {NULL, NULL};
    struct pki_identity leaf = {NULL, NULL};
    struct pki_subject subject = {.use = PKI_USE_CLIENT};

    enum err rc = load_ca(args->ca_dir, now_ms, &ca, why);
    if (rc == ERR_OK) {
        rc = name_leaf(args, ca.certificate, made, why);
    }
    if (rc == ERR_OK) {
        rc = check_not_ca(args, made, why);
    }
    if (rc == ERR_OK) {
        rc = check_free(args, made, why);
    }
    if (rc != ERR_OK) {
        goto out;
    }
    subject.use = args->act == PKI_ACT_SERVER ? PKI_USE_SERVER : PKI_USE_CLIENT;
    subject.common_name = made->names[0].text;
    subject.names = made->names;
    subject.name_count = made->name_count;
    subject.from_ms = now_ms - CLOCK_SKEW_MS;
    subject.until_ms = now_ms + args->days * (int64_t)DAY_MS;
    made->until_ms = pki_x509_until_ms(ca.certificate);
    if (subject.until_ms > made->until_ms) {
        subject.until_ms = made->until_ms; /* it would not be believed longer than its CA */
    }
    rc = pki_x509_make(&subject, &ca, random, &leaf, why);
    if (rc == ERR_OK) {
        made->until_ms = pki_x509_until_ms(leaf.certificate);
        rc = write_pair(made, &leaf, args->is_force, why);
    }

out:
    pki_identity_fini(&leaf);
    pki_identity_fini(&ca);
    return rc;
}

/* --- a revocation list ------------------------------------------------------------------------ */

static enum err load_revoked(const struct pki_args *args, X509 **revoked, struct errbuf *why)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; i < args->word_count && rc == ERR_OK; i++) {
        struct secret_buf pem = {0};
        rc = pki_file_read(args->words[i], false, &pem, why);
        if (rc == ERR_OK) {
            rc = pki_x509_decode(slice_of(&pem), &revoked[i], why);
            if (rc != ERR_OK) {
                errbuf_prefix(why, "%s", config_value_show(args->words[i]));
            }
        }
        secret_buf_fini(&pem);
    }
    return rc;
}

static enum err write_list(const struct pki_args *args, const struct pki_identity *ca,
                           X509 *const *revoked, int64_t now_ms, struct pki_made *made,
                           struct errbuf *why)
{
    struct secret_buf old = {0};
    struct secret_buf list = {0};
    const struct pki_crl_dates dates = {
        .from_ms = now_ms - CLOCK_SKEW_MS,
        .until_ms = now_ms + args->days * (int64_t)DAY_MS,
    };

    enum err rc = pki_file_read(made->paths[0], false, &old, why);
    if (rc == ERR_OK || rc == ERR_NOT_FOUND) {
        rc = pki_crl_make(ca, slice_of(&old), revoked, args->word_count, dates, &list, why);
        if (rc != ERR_OK) {
            errbuf_prefix(why, "%s", config_value_show(made->paths[0]));
        }
    }
    if (rc == ERR_OK && list.len > LIST_MAX) {
        errbuf_set(why, "%s: the list is full: make a new CA", config_value_show(made->paths[0]));
        rc = ERR_REFUSED;
    }
    if (rc == ERR_OK) {
        const struct pki_file file = {made->paths[0], slice_of(&list), PKI_MODE_OTHER};
        made->until_ms = dates.until_ms;
        rc = pki_files_write(&file, 1, true, why);
    }
    secret_buf_fini(&old);
    secret_buf_fini(&list);
    return rc;
}

static enum err make_crl(const struct pki_args *args, int64_t now_ms, struct pki_made *made,
                         struct errbuf *why)
{
    struct pki_identity ca = {NULL, NULL};
    X509 *revoked[PKI_ARGS_WORDS_MAX] = {NULL};

    made->path_count = 1;
    enum err rc = join(made->paths[0], args->ca_dir, "ca", ".crl", why);
    if (rc == ERR_OK) {
        rc = load_ca(args->ca_dir, now_ms, &ca, why);
    }
    if (rc == ERR_OK) {
        rc = load_revoked(args, revoked, why);
    }
    if (rc == ERR_OK) {
        rc = write_list(args, &ca, revoked, now_ms, made, why);
    }
    for (size_t i = 0; i < args->word_count; i++) {
        X509_free(revoked[i]);
    }
    pki_identity_fini(&ca);
    return rc == ERR_INVALID ? ERR_REFUSED : rc;
}

/* --- a key-encryption key --------------------------------------------------------------------- */

static enum err make_kek(const struct pki_args *args, const struct random_source *random,
                         struct pki_made *made, struct errbuf *why)
{
    struct secret_buf bytes = {0};

    made->path_count = 1;
    enum err rc = join(made->paths[0], NULL, args->words[0], "", why);
    if (rc == ERR_OK) {
        rc = secret_buf_reserve(&bytes, KEK_LEN);
    }
    if (rc == ERR_OK) {
        rc = random_fill(random, bytes.at, KEK_LEN);
        bytes.len = KEK_LEN;
    }
    if (rc != ERR_OK) {
        errbuf_set(why, "no key: %s", err_text(rc));
    } else {
        const struct pki_file file = {made->paths[0], slice_of(&bytes), PKI_MODE_KEY};
        rc = pki_files_write(&file, 1, false, why);
    }
    secret_buf_fini(&bytes);
    return rc;
}

enum err pki_make(const struct pki_args *args, int64_t now_ms, const struct random_source *random,
                  struct pki_made *out, struct errbuf *why)
{
    struct pki_made made = {.path_count = 0};
    enum err rc = ERR_INVALID;

    switch (args->act) {
    case PKI_ACT_CA:
        rc = make_ca(args, now_ms, random, &made, why);
        break;
    case PKI_ACT_SERVER:
    case PKI_ACT_CLIENT:
    case PKI_ACT_OPERATOR:
        rc = make_leaf(args, now_ms, random, &made, why);
        break;
    case PKI_ACT_CRL:
        rc = make_crl(args, now_ms, &made, why);
        break;
    case PKI_ACT_KEK:
        rc = make_kek(args, random, &made, why);
        break;
    }
    if (rc == ERR_OK) {
        *out = made;
    }
    return rc;
}
