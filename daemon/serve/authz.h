/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: a pure function of the caller and the rules. Denied unless a rule allows it.
 *
 *   - Readers of a realm get its key bytes, and nobody else does: not even an operator.
 *   - Operators (of all realms, or of one) see and steer keys without their bytes.
 */
#ifndef STEKD_SERVE_AUTHZ_H
#define STEKD_SERVE_AUTHZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "serve/peer.h"

enum authz_action { AUTHZ_READ_KEYS, AUTHZ_OPERATE };

/* Users and groups come by the Unix socket, names by certificate; a certificate may have several
 * names, and each counts. */
enum authz_principal_kind { AUTHZ_UID, AUTHZ_GID, AUTHZ_URI, AUTHZ_DNS };

struct authz_principal {
    enum authz_principal_kind kind;
    uint32_t id;         /* UID, GID */
    const char *pattern; /* URI, DNS: as in cert_pattern_matches(); borrowed like the list */
};

/* Borrowed: as long as the rules are in use. count 0: nobody. */
struct authz_list {
    const struct authz_principal *at;
    size_t count;
};

struct authz_realm {
    const char *name;
    struct authz_list readers;
    struct authz_list operators;
};

struct authz_rules {
    struct authz_list operators; /* of every realm */
    const struct authz_realm *realms;
    size_t realm_count;
};

enum authz_rule {
    AUTHZ_BY_NO_RULE, /* denied */
    AUTHZ_BY_OPERATORS,
    AUTHZ_BY_REALM_OPERATORS,
    AUTHZ_BY_REALM_READERS,
};

struct authz_verdict {
    bool is_allowed;
    enum authz_rule rule;
    struct authz_principal principal; /* the entry that matched; meaningless when denied */
};

/* `realm` NULL: all realms, which only top-level operators may operate on. A realm nobody has
 * configured is denied like one with no rule for the caller, except to top-level operators. */
struct authz_verdict authz_decide(const struct authz_rules *rules, const struct peer *peer,
                                  enum authz_action action, const char *realm);

/* Whether any rule names the caller. Whom none names is a stranger: it may connect and ask for our
 * health, and gets no more of us than that takes. */
bool authz_is_named(const struct authz_rules *rules, const struct peer *peer);

/* A sentence for a denied caller: what was denied and which line in the configuration would allow
 * it. Says the same whether or not the realm exists, and names no other. */
void authz_explain_denial(const struct peer *peer, enum authz_action action, const char *realm,
                          struct errbuf *out);

/* "operators uid:0", "readers gid:33", "readers dns:*.fe.example.org", "no rule". */
#define AUTHZ_RULE_TEXT_MAX 160
void authz_format_rule(const struct authz_verdict *verdict, char out[AUTHZ_RULE_TEXT_MAX]);

#endif
