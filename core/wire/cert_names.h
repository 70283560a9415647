/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a certificate says its holder is: the URI and DNS names of its subjectAltName, and nothing
 * else (no common name: RFC 9525 section 2). And whether a configured pattern means such a name.
 *
 * Pure functions over parsed certificates; the certificate must have been verified before.
 */
#ifndef STEK_WIRE_CERT_NAMES_H
#define STEK_WIRE_CERT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/err.h"

#define CERT_NAMES_MAX       32   /* names of one certificate, of any kind */
#define CERT_NAMES_BYTES_MAX 4096 /* of all URI and DNS names together, each with its NUL */

enum cert_name_kind { CERT_NAME_URI, CERT_NAME_DNS };

struct cert_name {
    enum cert_name_kind kind;
    const char *text; /* printable ASCII without spaces; not empty */
};

/* Starts as {0}. In the certificate's order; one block, so that it costs what it holds. */
struct cert_names {
    struct cert_name *at; /* owned */
    size_t count;
};

/*
 * On success the caller owns *out and gives it to cert_names_fini(); a certificate may have no such
 * name at all (count 0). On failure *out is untouched.
 *   ERR_DENIED: a name of any textual kind holds a NUL, a space or anything that cannot be printed
 *     (a byte that ends the name for one reader and not for another is an attack), or the extension
 *     cannot be read or is there twice.
 *   ERR_LIMIT: more or longer names than we hold.  ERR_NOMEM.
 */
enum err cert_names_of(const X509 *certificate, struct cert_names *out,
                       struct errbuf *why) MUST_USE;
/* Safe on {0} and twice. */
void cert_names_fini(struct cert_names *names);

/*
 * Whether `pattern` means the certificate's `name`; both of `kind`. In a pattern, `*` as a whole
 * label of a DNS name is any one label, `*` as a whole segment of a URI's path is any one segment
 * made of plain characters (no %-escape, not "." or ".."); anywhere else it is just a star. A name
 * with a star in it matches nothing: wildcards are the configuration's to give, not the
 * certificate's. DNS names, and a URI's scheme and authority, are compared without regard to case;
 * everything else byte by byte, nothing is decoded or normalized. `*` matches in no URI that has a
 * query or fragment.
 */
bool cert_pattern_matches(enum cert_name_kind kind, const char *pattern, const char *name);

#endif
