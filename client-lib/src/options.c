/* SPDX-License-Identifier: Apache-2.0 */
#include "src/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stek_options *stek_options_new(void)
{
    struct stek_options *options = calloc(1, sizeof(*options));
    if (options != NULL) {
        options->contexts_max = OPTIONS_CONTEXTS_DEFAULT;
    }
    return options;
}

static void forget_files(struct stek_options *options)
{
    free(options->ca_file);
    free(options->certificate_file);
    free(options->key_file);
    options->ca_file = NULL;
    options->certificate_file = NULL;
    options->key_file = NULL;
}

void stek_options_free(struct stek_options *options)
{
    if (options != NULL) {
        forget_files(options);
        free(options);
    }
}

static enum stek_status fail(struct stek_options *options, enum stek_status status,
                             const char *sentence)
{
    errbuf_set(&options->error, "%s", sentence);
    return status;
}

enum stek_status stek_options_add_endpoint(struct stek_options *options, const char *endpoint)
{
    if (options == NULL) {
        return STEK_ERR_INVALID;
    }
    if (endpoint == NULL) {
        return fail(options, STEK_ERR_INVALID,
                    "an endpoint is needed: \"host:port\" or \"unix:/absolute/path\"");
    }
    if (options->endpoint_count == CONN_ENDPOINTS_MAX) {
        errbuf_set(&options->error, "\"%s\": there are %d endpoints already, which is the most",
                   endpoint, CONN_ENDPOINTS_MAX);
        return STEK_ERR_INVALID;
    }
    const enum err rc =
        endpoint_parse(endpoint, &options->endpoints[options->endpoint_count], &options->error);
    if (rc != ERR_OK) {
        return STEK_ERR_INVALID;
    }
    options->endpoint_count++;
    return STEK_OK;
}

static bool is_path(const char *path)
{
    return path != NULL && path[0] != '\0';
}

enum stek_status stek_options_set_tls(struct stek_options *options, const char *ca_file,
                                      const char *certificate_file, const char *key_file)
{
    if (options == NULL) {
        return STEK_ERR_INVALID;
    }
    if (!is_path(ca_file) || !is_path(certificate_file) || !is_path(key_file)) {
        return fail(options, STEK_ERR_INVALID,
                    "TLS needs three PEM files: the CA's certificate, ours, and our private key");
    }
    forget_files(options);
    options->ca_file = strdup(ca_file);
    options->certificate_file = strdup(certificate_file);
    options->key_file = strdup(key_file);
    if (options->ca_file == NULL || options->certificate_file == NULL ||
        options->key_file == NULL) {
        forget_files(options);
        return fail(options, STEK_ERR_NOMEM, "out of memory");
    }
    return STEK_OK;
}

enum stek_status stek_options_add_realm(struct stek_options *options, const char *realm)
{
    if (options == NULL) {
        return STEK_ERR_INVALID;
    }
    if (realm == NULL || !text_is_realm_name(realm)) {
        return fail(options, STEK_ERR_INVALID,
                    "a realm's name is 1 to 63 of a-z 0-9 . _ - and begins with a letter or digit");
    }
    for (size_t i = 0; i < options->realm_count; i++) {
        if (strcmp(options->realms[i], realm) == 0) {
            errbuf_set(&options->error, "realm %s was added already", realm);
            return STEK_ERR_INVALID;
        }
    }
    if (options->realm_count == RINGMAP_REALMS_MAX) {
        errbuf_set(&options->error, "realm %s: there are %d realms already, which is the most",
                   realm, RINGMAP_REALMS_MAX);
        return STEK_ERR_INVALID;
    }
    if (text_copy(options->realms[options->realm_count], REALM_NAME_MAX + 1, realm) != ERR_OK) {
        return fail(options, STEK_ERR_INVALID, "the realm's name is too long");
    }
    options->realm_count++;
    return STEK_OK;
}

enum stek_status stek_options_set_name(struct stek_options *options, const char *name)
{
    if (options == NULL) {
        return STEK_ERR_INVALID;
    }
    if (name == NULL || name[0] == '\0' || !text_is_label(name, WIRE_LABEL_MAX) ||
        text_copy(options->name, sizeof(options->name), name) != ERR_OK) {
        return fail(options, STEK_ERR_INVALID,
                    "a frontend's name is 1 to 127 bytes of printable UTF-8");
    }
    return STEK_OK;
}

enum stek_status stek_options_set_max_contexts(struct stek_options *options, unsigned int count)
{
    if (options == NULL) {
        return STEK_ERR_INVALID;
    }
    if (count == 0 || count > RINGMAP_CONTEXTS_MAX) {
        errbuf_set(&options->error, "%u contexts: there may be 1 to %d", count,
                   RINGMAP_CONTEXTS_MAX);
        return STEK_ERR_INVALID;
    }
    options->contexts_max = count;
    return STEK_OK;
}

void stek_options_set_log(struct stek_options *options, stek_log_fn log, void *arg)
{
    if (options != NULL) {
        options->log = log;
        options->log_arg = arg;
    }
}

const char *stek_options_error(const struct stek_options *options)
{
    return options == NULL ? "" : options->error.text;
}

void options_frontend_name(const struct stek_options *options, char out[WIRE_LABEL_MAX + 1])
{
    char host[WIRE_LABEL_MAX + 1] = "";
    const char *name = options->name;
    if (name[0] == '\0' && gethostname(host, sizeof(host) - 1) == 0) {
        name = host;
    }
    if (name[0] == '\0' || !text_is_label(name, WIRE_LABEL_MAX)) {
        name = "unnamed";
    }
    memcpy(out, name, strlen(name) + 1);
}
