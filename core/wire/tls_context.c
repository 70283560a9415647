/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tls_context.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define H2_WIRE_LEN 3
static const unsigned char h2_wire[H2_WIRE_LEN] = {2, 'h', '2'};

struct date {
    char text[32];
};

static struct date date_of(int64_t ms)
{
    struct date date = {"an unknown date"};
    struct tm tm;
    time_t seconds = (time_t)(ms / 1000);

    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)!strftime(date.text, sizeof(date.text), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    return date;
}

/* INT64_MAX for a date that cannot be read. */
static int64_t ms_of(const ASN1_TIME *at)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int64_t ms = INT64_MAX;
    int days = 0;
    int seconds = 0;

    if (epoch != NULL && at != NULL && ASN1_TIME_diff(&days, &seconds, epoch, at) == 1) {
        ms = ((int64_t)days * 86400 + seconds) * 1000;
    }
    ASN1_TIME_free(epoch);
    return ms;
}

int64_t tls_not_after_ms(const X509 *certificate)
{
    return ms_of(X509_get0_notAfter(certificate));
}

int64_t tls_context_not_after_ms(const SSL_CTX *context)
{
    const X509 *own = SSL_CTX_get0_certificate(context);

    return own == NULL ? INT64_MAX : tls_not_after_ms(own);
}

int64_t tls_context_crl_until_ms(const SSL_CTX *context)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    int64_t first = INT64_MAX;

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        const int64_t until = crl == NULL ? INT64_MAX : ms_of(X509_CRL_get0_nextUpdate(crl));
        first = until < first ? until : first;
    }
    return first;
}

/* ---- purpose ---- */

enum err tls_check_purpose(const X509 *leaf, enum tls_role role, bool is_eku_optional,
                           struct errbuf *why)
{
    const bool is_server = role == TLS_SERVER;
    const uint32_t wanted = is_server ? XKU_SSL_SERVER : XKU_SSL_CLIENT;
    X509 *certificate = NULL;

    memcpy(&certificate, &leaf, sizeof(certificate)); /* OpenSSL caches in it; it stays the same */
    const uint32_t usage = X509_get_extended_key_usage(certificate);
    const bool has_none = usage == UINT32_MAX; /* OpenSSL's word for no such extension */
    if (has_none ? is_eku_optional : (usage & wanted) != 0) {
        return ERR_OK;
    }
    errbuf_set(why, "its extended key usage does not name %s",
               is_server ? "serverAuth" : "clientAuth");
    return ERR_INVALID;
}

/* Which ex_data slot of a context says that the extension may be missing would be state of the
 * process, so there are two callbacks instead. */
static int verify_purpose(int is_good, X509_STORE_CTX *verification, bool is_eku_optional)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    const enum tls_role peer = ssl != NULL && SSL_is_server(ssl) ? TLS_CLIENT : TLS_SERVER;

    if (!is_good || X509_STORE_CTX_get_error_depth(verification) != 0) {
        return is_good;
    }
    if (tls_check_purpose(X509_STORE_CTX_get_current_cert(verification), peer, is_eku_optional,
                          NULL) != ERR_OK) {
        X509_STORE_CTX_set_error(verification, X509_V_ERR_INVALID_PURPOSE);
        return 0;
    }
    return 1;
}

static int verify_strictly(int is_good, X509_STORE_CTX *verification)
{
    return verify_purpose(is_good, verification, false);
}

static int verify_with_eku_optional(int is_good, X509_STORE_CTX *verification)
{
    return verify_purpose(is_good, verification, true);
}

/* ---- reading ---- */

/* Nobody is there to be asked for a password: to know that one was wanted is enough. */
static int refuse_password(char *buffer, int size, int is_writing, void *was_wanted)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    *(bool *)was_wanted = true;
    return -1;
}

static BIO *open_pem(const struct tls_pem *pem)
{
    return pem->bytes.len > INT_MAX ? NULL : BIO_new_mem_buf(pem->bytes.at, (int)pem->bytes.len);
}

/* Calls take(ctx, ...) for each object of the file; it says whether to go on. */
typedef enum err (*take_fn)(void *ctx, const struct tls_pem *pem, X509_INFO *info, size_t index,
                            struct errbuf *why);

static enum err each_object(const struct tls_pem *pem, size_t most, take_fn take, void *ctx,
                            struct errbuf *why)
{
    BIO *bio = open_pem(pem);
    STACK_OF(X509_INFO) *infos = NULL;
    bool was_asked = false;
    enum err rc = ERR_OK;

    if (bio == NULL) {
        errbuf_set(why, "%s: out of memory", pem->path);
        return ERR_NOMEM;
    }
    infos = PEM_X509_INFO_read_bio(bio, NULL, refuse_password, &was_asked);
    if (infos == NULL) {
        errbuf_set(why, "%s: is damaged: an object in it is not the PEM it says it is", pem->path);
        rc = ERR_INVALID;
    } else if ((size_t)sk_X509_INFO_num(infos) > most) {
        errbuf_set(why, "%s: has more than %zu objects", pem->path, most);
        rc = ERR_INVALID;
    }
    for (int i = 0; rc == ERR_OK && i < sk_X509_INFO_num(infos); i++) {
        rc = take(ctx, pem, sk_X509_INFO_value(infos, i), (size_t)i, why);
    }
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
    BIO_free(bio);
    return rc;
}

struct taking {
    SSL_CTX *context;
    const struct tls_context_options *options;
    X509_STORE *store; /* the context's own */
    size_t count;
    size_t alive;        /* of the trusted certificates, those that have not expired */
    int64_t alive_until; /* of the others, the latest end */
};

/* ---- our own certificate ---- */

static enum err check_own_dates(const struct tls_pem *pem, const X509 *own, int64_t now_ms,
                                struct errbuf *why)
{
    const int64_t from = ms_of(X509_get0_notBefore(own));
    const int64_t until = tls_not_after_ms(own);

    if (now_ms >= until) {
        errbuf_set(why, "%s: the certificate expired on %s: renew it", pem->path,
                   date_of(until).text);
        return ERR_INVALID;
    }
    if (now_ms < from) {
        errbuf_set(why, "%s: the certificate is not valid before %s: is this host's clock right?",
                   pem->path, date_of(from).text);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err take_own(void *ctx, const struct tls_pem *pem, X509_INFO *info, size_t index,
                         struct errbuf *why)
{
    struct taking *taking = ctx;
    const struct tls_context_options *options = taking->options;
    struct errbuf reason = {""};

    (void)index;
    if (info->x509 == NULL) {
        return ERR_OK; /* a file may hold the key too */
    }
    if (taking->count++ > 0) {
        return SSL_CTX_add1_chain_cert(taking->context, info->x509) == 1 ? ERR_OK : ERR_NOMEM;
    }
    if (tls_check_purpose(info->x509, options->role, options->is_eku_optional, &reason) != ERR_OK) {
        errbuf_set(why, "%s: this certificate is not for a %s: %s", pem->path,
                   options->role == TLS_SERVER ? "server" : "client", reason.text);
        return ERR_INVALID;
    }
    const enum err rc = check_own_dates(pem, info->x509, options->now_ms, why);
    if (rc == ERR_OK && SSL_CTX_use_certificate(taking->context, info->x509) != 1) {
        errbuf_set(why, "%s: OpenSSL refuses this certificate: %s", pem->path,
                   ERR_reason_error_string(ERR_peek_last_error()));
        return ERR_INVALID;
    }
    return rc;
}

static enum err use_key(SSL_CTX *context, const struct tls_context_options *options,
                        struct errbuf *why)
{
    const struct tls_pem *pem = &options->private_key;
    bool is_encrypted = false;
    BIO *bio = open_pem(pem);
    EVP_PKEY *key =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, refuse_password, &is_encrypted);
    enum err rc = ERR_INVALID;

    if (bio == NULL) {
        errbuf_set(why, "%s: out of memory", pem->path);
        rc = ERR_NOMEM;
    } else if (key == NULL && is_encrypted) {
        errbuf_set(why,
                   "%s: the private key is encrypted, and nobody can be asked for its password: "
                   "store it decrypted, readable by this user only",
                   pem->path);
    } else if (key == NULL) {
        errbuf_set(why, "%s: no private key in PEM form in it", pem->path);
    } else if (X509_check_private_key(SSL_CTX_get0_certificate(context), key) != 1) {
        errbuf_set(why, "%s: this private key does not belong to the certificate in %s", pem->path,
                   options->certificate.path);
    } else if (SSL_CTX_use_PrivateKey(context, key) != 1) {
        errbuf_set(why, "%s: OpenSSL refuses this private key: %s", pem->path,
                   ERR_reason_error_string(ERR_peek_last_error()));
    } else {
        rc = ERR_OK;
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
    return rc;
}

static enum err use_own(struct taking *taking, struct errbuf *why)
{
    const struct tls_context_options *options = taking->options;
    const bool has_certificate = options->certificate.bytes.len > 0;
    const bool has_key = options->private_key.bytes.len > 0;

    if (has_certificate != has_key || (!has_key && options->role == TLS_SERVER)) {
        errbuf_set(why, "%s",
                   has_key           ? "a private key without a certificate"
                   : has_certificate ? "a certificate without a private key"
                                     : "a server needs a certificate and its key");
        return ERR_INVALID;
    }
    if (!has_key) {
        return ERR_OK;
    }
    taking->count = 0;
    const enum err rc = each_object(&options->certificate, TLS_CHAIN_MAX, take_own, taking, why);
    if (rc != ERR_OK) {
        return rc;
    }
    if (taking->count == 0) {
        errbuf_set(why, "%s: no certificate in PEM form in it", options->certificate.path);
        return ERR_INVALID;
    }
    return use_key(taking->context, options, why);
}

/* ---- whom we trust ---- */

static enum err take_ca(void *ctx, const struct tls_pem *pem, X509_INFO *info, size_t index,
                        struct errbuf *why)
{
    struct taking *taking = ctx;

    if (info->x509 == NULL) {
        return ERR_OK;
    }
    if (X509_check_ca(info->x509) == 0) {
        errbuf_set(why, "%s: certificate %zu of it is not one of a CA", pem->path, index + 1);
        return ERR_INVALID;
    }
    const int64_t until = tls_not_after_ms(info->x509);
    taking->count++;
    taking->alive += taking->options->now_ms < until;
    taking->alive_until = until > taking->alive_until ? until : taking->alive_until;
    if (X509_STORE_add_cert(taking->store, info->x509) != 1 ||
        (taking->options->role == TLS_SERVER &&
         SSL_CTX_add_client_CA(taking->context, info->x509) != 1)) {
        return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum err use_ca(struct taking *taking, struct errbuf *why)
{
    const struct tls_pem *pem = &taking->options->ca;

    if (pem->bytes.len == 0) {
        errbuf_set(why, "no CA certificate: there is nobody to trust");
        return ERR_INVALID;
    }
    taking->count = 0;
    const enum err rc = each_object(pem, TLS_CA_MAX, take_ca, taking, why);
    if (rc != ERR_OK) {
        return rc;
    }
    if (taking->count == 0) {
        errbuf_set(why, "%s: no certificate in PEM form in it", pem->path);
        return ERR_INVALID;
    }
    if (taking->alive == 0) {
        errbuf_set(why, "%s: the CA expired on %s: whatever it has issued is refused", pem->path,
                   date_of(taking->alive_until).text);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* ---- revocation lists ---- */

static const X509 *find_issuer(X509_STORE *store, X509_CRL *crl)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    const X509_NAME *issuer = X509_CRL_get_issuer(crl);

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (ca != NULL && X509_NAME_cmp(X509_get_subject_name(ca), issuer) == 0 &&
            X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1) {
            return ca;
        }
    }
    return NULL;
}

static enum err take_crl(void *ctx, const struct tls_pem *pem, X509_INFO *info, size_t index,
                         struct errbuf *why)
{
    struct taking *taking = ctx;
    const int64_t now = taking->options->now_ms;

    if (info->crl == NULL) {
        return ERR_OK;
    }
    taking->count++;
    if (find_issuer(taking->store, info->crl) == NULL) {
        errbuf_set(why, "%s: revocation list %zu of it was not issued by a CA in %s", pem->path,
                   index + 1, taking->options->ca.path);
        return ERR_INVALID;
    }
    const int64_t until = ms_of(X509_CRL_get0_nextUpdate(info->crl));
    if (now >= until) {
        errbuf_set(why, "%s: revocation list %zu of it expired on %s: fetch the CA's newest",
                   pem->path, index + 1, date_of(until).text);
        return ERR_INVALID;
    }
    return X509_STORE_add_crl(taking->store, info->crl) == 1 ? ERR_OK : ERR_NOMEM;
}

static enum err use_crl(struct taking *taking, struct errbuf *why)
{
    const struct tls_pem *pem = &taking->options->crl;

    if (pem->bytes.len == 0) {
        return ERR_OK;
    }
    taking->count = 0;
    const enum err rc = each_object(pem, TLS_CA_MAX, take_crl, taking, why);
    if (rc != ERR_OK) {
        return rc;
    }
    if (taking->count == 0) {
        errbuf_set(why, "%s: no revocation list in PEM form in it", pem->path);
        return ERR_INVALID;
    }
    return X509_STORE_set_flags(taking->store, X509_V_FLAG_CRL_CHECK) == 1 ? ERR_OK : ERR_NOMEM;
}

/* ---- the context ---- */

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *offered, unsigned int offered_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned int i = 0; i < offered_len; i += 1U + offered[i]) {
        if (offered_len - i >= H2_WIRE_LEN &&
            memcmp(&offered[i], h2_wire, H2_WIRE_LEN) == 0) { /* lint: public bytes */
            *out = &offered[i + 1];
            *out_len = H2_WIRE_LEN - 1;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol, RFC 7301 section 3.2 */
}

static enum err set_up(SSL_CTX *context, const struct tls_context_options *options)
{
    static const unsigned char sid_context[] = "stekd";
    const bool is_server = options->role == TLS_SERVER;
    const int mode =
        is_server ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER;

    SSL_CTX_set_verify(context, mode,
                       options->is_eku_optional ? verify_with_eku_optional : verify_strictly);
    SSL_CTX_set_verify_depth(context, TLS_CHAIN_MAX);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_min_proto_version(context, options->min_version) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1 ||
        SSL_CTX_set_session_id_context(context, sid_context, sizeof(sid_context) - 1) != 1 ||
        X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN) != 1) {
        return ERR_CRYPTO;
    }
    if (options->min_version < TLS1_3_VERSION) {
        return ERR_OK;
    }
    if (is_server) {
        SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
        return ERR_OK;
    }
    return SSL_CTX_set_alpn_protos(context, h2_wire, sizeof(h2_wire)) == 0 ? ERR_OK : ERR_NOMEM;
}

enum err tls_context_new(const struct tls_context_options *options, SSL_CTX **out_context,
                         struct errbuf *why)
{
    struct taking taking = {.options = options, .alive_until = INT64_MIN};

    (void)ERR_set_mark();
    errbuf_set(why, "out of memory for a TLS context");
    taking.context =
        SSL_CTX_new(options->role == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    enum err rc = taking.context == NULL ? ERR_NOMEM : set_up(taking.context, options);
    if (rc == ERR_OK) {
        taking.store = SSL_CTX_get_cert_store(taking.context);
        rc = use_own(&taking, why);
    }
    if (rc == ERR_OK) {
        rc = use_ca(&taking, why);
    }
    if (rc == ERR_OK) {
        rc = use_crl(&taking, why);
    }
    if (rc == ERR_OK) {
        *out_context = taking.context;
        taking.context = NULL;
    }
    SSL_CTX_free(taking.context);
    (void)ERR_pop_to_mark();
    return rc;
}
