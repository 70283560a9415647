/* SPDX-License-Identifier: Apache-2.0 */
/* Who is meant by one entry of readers or operators. */
#ifndef STEKD_CONFIG_CONFIG_PRINCIPAL_H
#define STEKD_CONFIG_CONFIG_PRINCIPAL_H

#include "base/err.h"
#include "config/config.h"

/* "uid:33", "gid:33", "uid:www-data"; "spiffe://example.org/frontend/" and a *, or any URI of a
 * certificate; "dns:*.fe.example.org". A * stands for one whole path segment of a URI or one whole
 * label of a DNS name, and never in a scheme or authority. The caller frees out->pattern.
 * ERR_INVALID, with a sentence; ERR_NOMEM. */
enum err config_principal_parse(const char *text, struct config_principal *out,
                                struct errbuf *why) MUST_USE;

#endif
