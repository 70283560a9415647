/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/authz.h"

#include <stdio.h>
#include <string.h>

static bool principal_matches(const struct authz_principal *principal, const struct peer *peer)
{
    switch (principal->kind) {
    case AUTHZ_UID:
        return peer_is_user(peer, principal->id);
    case AUTHZ_GID:
        return peer_has_group(peer, principal->id);
    case AUTHZ_URI:
        return peer_has_name(peer, CERT_NAME_URI, principal->pattern);
    case AUTHZ_DNS:
        return peer_has_name(peer, CERT_NAME_DNS, principal->pattern);
    }
    return false;
}

/* Allows into *out, or leaves it as it is. */
static void try_list(const struct authz_list *list, enum authz_rule rule, const struct peer *peer,
                     struct authz_verdict *out)
{
    for (size_t i = 0; i < list->count && !out->is_allowed; i++) {
        if (principal_matches(&list->at[i], peer)) {
            out->is_allowed = true;
            out->rule = rule;
            out->principal = list->at[i];
        }
    }
}

static const struct authz_realm *find_realm(const struct authz_rules *rules, const char *name)
{
    for (size_t i = 0; i < rules->realm_count && name != NULL; i++) {
        if (strcmp(rules->realms[i].name, name) == 0) {
            return &rules->realms[i];
        }
    }
    return NULL;
}

struct authz_verdict authz_decide(const struct authz_rules *rules, const struct peer *peer,
                                  enum authz_action action, const char *realm)
{
    struct authz_verdict verdict = {.is_allowed = false, .rule = AUTHZ_BY_NO_RULE};
    const struct authz_realm *found = find_realm(rules, realm);

    switch (action) {
    case AUTHZ_READ_KEYS:
        if (found != NULL) {
            try_list(&found->readers, AUTHZ_BY_REALM_READERS, peer, &verdict);
        }
        break;
    case AUTHZ_OPERATE:
        try_list(&rules->operators, AUTHZ_BY_OPERATORS, peer, &verdict);
        if (found != NULL) {
            try_list(&found->operators, AUTHZ_BY_REALM_OPERATORS, peer, &verdict);
        }
        break;
    }
    return verdict;
}

bool authz_is_named(const struct authz_rules *rules, const struct peer *peer)
{
    struct authz_verdict verdict = authz_decide(rules, peer, AUTHZ_OPERATE, NULL);

    for (size_t i = 0; i < rules->realm_count && !verdict.is_allowed; i++) {
        try_list(&rules->realms[i].readers, AUTHZ_BY_REALM_READERS, peer, &verdict);
        try_list(&rules->realms[i].operators, AUTHZ_BY_REALM_OPERATORS, peer, &verdict);
    }
    return verdict.is_allowed;
}

/* The caller as a rule would name it. */
struct subject {
    char text[120];
};

static struct subject subject_of(const struct peer *peer)
{
    struct subject subject;

    if (peer->certificate == NULL) {
        (void)snprintf(subject.text, sizeof(subject.text), "uid:%u", peer->uid);
        return subject;
    }
    const struct cert_name *first = &peer->certificate->names.at[0];
    (void)snprintf(subject.text, sizeof(subject.text), "%s%.100s",
                   first->kind == CERT_NAME_DNS ? "dns:" : "", first->text);
    return subject;
}

void authz_explain_denial(const struct peer *peer, enum authz_action action, const char *realm,
                          struct errbuf *out)
{
    const struct subject subject = subject_of(peer);
    const char *who = subject.text;

    if (action == AUTHZ_READ_KEYS) {
        errbuf_set(out,
                   "%s may not read the keys of realm \"%s\"; to allow it, add \"%s\" to realms: "
                   "%s: readers: in the configuration of stekd",
                   who, realm, who, realm);
    } else if (realm != NULL) {
        errbuf_set(out,
                   "%s may not operate on realm \"%s\"; to allow it, add \"%s\" to realms: %s: "
                   "operators: in the configuration of stekd",
                   who, realm, who, realm);
    } else {
        errbuf_set(out,
                   "%s is no operator; to allow it, add \"%s\" to operators: in the configuration "
                   "of stekd",
                   who, who);
    }
}

static void format_principal(const struct authz_principal *principal, char *out, size_t cap)
{
    switch (principal->kind) {
    case AUTHZ_UID:
    case AUTHZ_GID:
        (void)snprintf(out, cap, "%s:%u", principal->kind == AUTHZ_UID ? "uid" : "gid",
                       principal->id);
        break;
    case AUTHZ_URI:
    case AUTHZ_DNS:
        (void)snprintf(out, cap, "%s%s", principal->kind == AUTHZ_DNS ? "dns:" : "",
                       principal->pattern);
        break;
    }
}

void authz_format_rule(const struct authz_verdict *verdict, char out[AUTHZ_RULE_TEXT_MAX])
{
    static const char *const lists[] = {
        [AUTHZ_BY_NO_RULE] = "no rule",
        [AUTHZ_BY_OPERATORS] = "operators",
        [AUTHZ_BY_REALM_OPERATORS] = "realm operators",
        [AUTHZ_BY_REALM_READERS] = "readers",
    };

    if (!verdict->is_allowed) {
        (void)snprintf(out, AUTHZ_RULE_TEXT_MAX, "%s", lists[AUTHZ_BY_NO_RULE]);
        return;
    }
    const int len = snprintf(out, AUTHZ_RULE_TEXT_MAX, "%s ", lists[verdict->rule]);
    format_principal(&verdict->principal, out + len, AUTHZ_RULE_TEXT_MAX - (size_t)len);
}
