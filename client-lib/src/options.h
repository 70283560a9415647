/* SPDX-License-Identifier: Apache-2.0 */
/* What stek_options_*() collect; read by stek_client_new(). */
#ifndef STEK_SRC_OPTIONS_H
#define STEK_SRC_OPTIONS_H

#include <stek/stek.h>

#include "src/conn.h"
#include "wire/messages.h"

#define OPTIONS_CONTEXTS_DEFAULT 16

struct stek_options {
    struct endpoint endpoints[CONN_ENDPOINTS_MAX];
    size_t endpoint_count;
    char *ca_file; /* owned, like the next two; all or none */
    char *certificate_file;
    char *key_file;
    char realms[RINGMAP_REALMS_MAX][REALM_NAME_MAX + 1];
    size_t realm_count;
    char name[WIRE_LABEL_MAX + 1]; /* "": the host's */
    size_t contexts_max;
    stek_log_fn log;
    void *log_arg; /* borrowed */
    struct errbuf error;
};

/* The name operators see: as set, else the host's, else "unnamed". */
void options_frontend_name(const struct stek_options *options, char out[WIRE_LABEL_MAX + 1]);

#endif
