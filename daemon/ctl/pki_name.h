/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a certificate is for: the subjectAltNames of RFC 5280 §4.2.1.6 that stekd looks at. Pure. */
#ifndef STEKD_CTL_PKI_NAME_H
#define STEKD_CTL_PKI_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PKI_NAME_MAX 253 /* bytes; the longest DNS name */

enum pki_name_kind { PKI_NAME_DNS, PKI_NAME_IP, PKI_NAME_URI };

struct pki_name {
    enum pki_name_kind kind;
    char text[PKI_NAME_MAX + 1];
};

/* All of these: ERR_INVALID with a sentence, *out then untouched. Wildcards are refused everywhere:
 * stekd and libstek never let one match. */

/* A DNS name (made lower case) or an IPv4 or IPv6 address, with or without brackets. */
enum err pki_name_of_host(const char *text, struct pki_name *out, struct errbuf *why) MUST_USE;

/* "scheme://authority/path" as it is, "dns:HOST", or a plain NAME: spiffe://<domain>/<role>/NAME.
 */
enum err pki_name_of_client(const char *text, const char *domain, const char *role,
                            struct pki_name *out, struct errbuf *why) MUST_USE;

/* A SPIFFE trust domain: what a DNS name is made of. Lower case. */
enum err pki_name_check_domain(const char *text, struct errbuf *why) MUST_USE;

/* What a file for this name is called, without extension: a URI's last segment, else the name
 * itself, ':' as '_'. */
enum err pki_name_stem(const struct pki_name *name, char out[PKI_NAME_MAX + 1],
                       struct errbuf *why) MUST_USE;

/* "dns", "ip", "uri". */
const char *pki_name_kind_text(enum pki_name_kind kind);

#endif
