/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/authz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* uid 7 operates everything; "web": uid 33 and gid 44 read, uid 50 operates; "mail": uid 34 reads,
 * gid 55 operates; "bare": nobody. */
static const struct authz_principal top[] = {{AUTHZ_UID, 7, NULL}};
static const struct authz_principal web_readers[] = {{AUTHZ_UID, 33, NULL}, {AUTHZ_GID, 44, NULL}};
static const struct authz_principal web_operators[] = {{AUTHZ_UID, 50, NULL}};
static const struct authz_principal mail_readers[] = {{AUTHZ_UID, 34, NULL}};
static const struct authz_principal mail_operators[] = {{AUTHZ_GID, 55, NULL}};
static const struct authz_realm realms[] = {
    {"web", {web_readers, 2}, {web_operators, 1}},
    {"mail", {mail_readers, 1}, {mail_operators, 1}},
    {"bare", {NULL, 0}, {NULL, 0}},
};
static const struct authz_rules rules = {{top, 1}, realms, 3};

static uint32_t extra_groups[] = {43, 44, 55};

static void rules_allow_exactly_what_they_say(void **unused)
{
    static const struct {
        uint32_t uid;
        uint32_t gid;
        size_t groups; /* of extra_groups */
        enum authz_action action;
        const char *realm;
        enum authz_rule want;
    } rows[] = {
        /* readers */
        {33, 1, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {32, 1, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {34, 1, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {34, 1, 0, AUTHZ_READ_KEYS, "mail", AUTHZ_BY_REALM_READERS},
        {33, 1, 0, AUTHZ_READ_KEYS, "mail", AUTHZ_BY_NO_RULE},
        /* by primary and by supplementary group, the last one too */
        {1, 44, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {1, 1, 1, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {1, 1, 2, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {1, 1, 3, AUTHZ_OPERATE, "mail", AUTHZ_BY_REALM_OPERATORS},
        /* a uid is no gid and the other way round */
        {44, 1, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {1, 33, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        /* operators get no key bytes */
        {7, 1, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {50, 1, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        /* readers operate nothing */
        {33, 1, 0, AUTHZ_OPERATE, "web", AUTHZ_BY_NO_RULE},
        {33, 1, 0, AUTHZ_OPERATE, NULL, AUTHZ_BY_NO_RULE},
        /* operators of all, of one */
        {7, 1, 0, AUTHZ_OPERATE, "web", AUTHZ_BY_OPERATORS},
        {7, 1, 0, AUTHZ_OPERATE, "bare", AUTHZ_BY_OPERATORS},
        {7, 1, 0, AUTHZ_OPERATE, NULL, AUTHZ_BY_OPERATORS},
        {50, 1, 0, AUTHZ_OPERATE, "web", AUTHZ_BY_REALM_OPERATORS},
        {50, 1, 0, AUTHZ_OPERATE, "mail", AUTHZ_BY_NO_RULE},
        {50, 1, 0, AUTHZ_OPERATE, NULL, AUTHZ_BY_NO_RULE},
        /* root is nobody special */
        {0, 0, 0, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {0, 0, 0, AUTHZ_OPERATE, "web", AUTHZ_BY_NO_RULE},
        /* realms without rules, and no realms at all */
        {33, 44, 3, AUTHZ_READ_KEYS, "bare", AUTHZ_BY_NO_RULE},
        {33, 44, 3, AUTHZ_READ_KEYS, "we", AUTHZ_BY_NO_RULE},
        {33, 44, 3, AUTHZ_READ_KEYS, "webb", AUTHZ_BY_NO_RULE},
        {33, 44, 3, AUTHZ_READ_KEYS, "", AUTHZ_BY_NO_RULE},
        {33, 44, 3, AUTHZ_READ_KEYS, NULL, AUTHZ_BY_NO_RULE},
        {7, 1, 0, AUTHZ_OPERATE, "webb", AUTHZ_BY_OPERATORS},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct peer peer = {
            .uid = rows[i].uid,
            .gid = rows[i].gid,
            .groups = extra_groups,
            .group_count = rows[i].groups,
        };
        struct authz_verdict got = authz_decide(&rules, &peer, rows[i].action, rows[i].realm);
        if (got.rule != rows[i].want || got.is_allowed != (got.rule != AUTHZ_BY_NO_RULE)) {
            fail_msg("row %zu: rule %d, allowed %d", i, (int)got.rule, (int)got.is_allowed);
        }
    }
}

static void nobody_may_anything_without_rules(void **unused)
{
    static const struct authz_rules none = {{NULL, 0}, NULL, 0};
    const struct peer root = {0};

    (void)unused;
    assert_false(authz_decide(&none, &root, AUTHZ_READ_KEYS, "web").is_allowed);
    assert_false(authz_decide(&none, &root, AUTHZ_OPERATE, "web").is_allowed);
    assert_false(authz_decide(&none, &root, AUTHZ_OPERATE, NULL).is_allowed);
}

static void a_denial_names_the_line_that_would_allow_it_and_no_other_realm(void **unused)
{
    const struct peer peer = {.uid = 1000};
    struct errbuf known;
    struct errbuf unknown;

    (void)unused;
    authz_explain_denial(&peer, AUTHZ_READ_KEYS, "web", &known);
    assert_non_null(strstr(known.text, "\"uid:1000\" to realms: web: readers:"));
    assert_null(strstr(known.text, "mail"));
    authz_explain_denial(&peer, AUTHZ_OPERATE, "web", &known);
    assert_non_null(strstr(known.text, "\"uid:1000\" to realms: web: operators:"));
    authz_explain_denial(&peer, AUTHZ_OPERATE, NULL, &known);
    assert_non_null(strstr(known.text, "\"uid:1000\" to operators:"));
    /* A realm of the same length that does not exist gets the same sentence. */
    authz_explain_denial(&peer, AUTHZ_READ_KEYS, "web", &known);
    authz_explain_denial(&peer, AUTHZ_READ_KEYS, "wob", &unknown);
    assert_int_equal(strlen(known.text), strlen(unknown.text));
}

static void the_deciding_rule_is_told(void **unused)
{
    const struct peer reader = {.uid = 1, .gid = 44, .pid = 1};
    char text[AUTHZ_RULE_TEXT_MAX];

    (void)unused;
    struct authz_verdict verdict = authz_decide(&rules, &reader, AUTHZ_READ_KEYS, "web");
    authz_format_rule(&verdict, text);
    assert_string_equal(text, "readers gid:44");
    verdict = authz_decide(&rules, &reader, AUTHZ_OPERATE, "web");
    authz_format_rule(&verdict, text);
    assert_string_equal(text, "no rule");
}

static void whoever_stands_in_any_rule_is_no_stranger(void **unused)
{
    static const struct {
        uint32_t uid;
        uint32_t gid;
        size_t groups; /* of extra_groups */
        bool want;
    } rows[] = {
        {7, 1, 0, true},  {33, 1, 0, true},  {50, 1, 0, true},  {34, 1, 0, true},
        {1, 44, 0, true}, {1, 55, 0, true},  {1, 1, 1, false},  {1, 1, 2, true},
        {0, 0, 0, false}, {44, 1, 0, false}, {1, 33, 0, false}, {8, 1, 0, false},
    };
    static const struct authz_rules none;

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct peer peer = {.uid = rows[i].uid,
                                  .gid = rows[i].gid,
                                  .groups = extra_groups,
                                  .group_count = rows[i].groups};
        assert_int_equal(authz_is_named(&rules, &peer), rows[i].want);
        assert_false(authz_is_named(&none, &peer));
    }
}

/* ---- by certificate ---- */

#define NAMES_MAX 3

/* A caller with these names: URIs begin with "spiffe:", the others are DNS. */
struct holder {
    struct cert_name names[NAMES_MAX];
    struct peer_certificate certificate;
    struct peer peer;
};

static void holder_init(struct holder *holder, const char *const texts[NAMES_MAX])
{
    *holder = (struct holder){.certificate = {.address = "192.0.2.1:4711"}};
    while (holder->certificate.names.count < NAMES_MAX &&
           texts[holder->certificate.names.count] != NULL) {
        size_t i = holder->certificate.names.count++;
        bool is_uri = strncmp(texts[i], "spiffe:", 7) == 0;
        holder->names[i] = (struct cert_name){is_uri ? CERT_NAME_URI : CERT_NAME_DNS, texts[i]};
    }
    holder->certificate.names.at = holder->names;
    holder->peer = (struct peer){.certificate = &holder->certificate};
}

static const struct authz_principal by_operator[] = {
    {AUTHZ_URI, 0, "spiffe://a.org/operator/*"}, {AUTHZ_UID, 0, NULL}, {AUTHZ_GID, 0, NULL}};
static const struct authz_principal by_reader[] = {{AUTHZ_URI, 0, "spiffe://a.org/fe/*"},
                                                   {AUTHZ_DNS, 0, "*.fe.a.org"}};
static const struct authz_realm named_realms[] = {
    {"web", {by_reader, 2}, {NULL, 0}},
    {"mail", {by_reader, 1}, {NULL, 0}},
};
static const struct authz_rules named_rules = {{by_operator, 3}, named_realms, 2};

static void names_allow_exactly_what_they_say(void **unused)
{
    static const struct {
        const char *names[NAMES_MAX];
        enum authz_action action;
        const char *realm;
        enum authz_rule want;
    } rows[] = {
        {{"spiffe://a.org/fe/1"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {{"spiffe://a.org/fe/1"}, AUTHZ_READ_KEYS, "mail", AUTHZ_BY_REALM_READERS},
        {{"spiffe://a.org/fe/1"}, AUTHZ_OPERATE, "web", AUTHZ_BY_NO_RULE},
        {{"spiffe://a.org/fe/1"}, AUTHZ_OPERATE, NULL, AUTHZ_BY_NO_RULE},
        {{"spiffe://a.org/fe/1/2"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {{"spiffe://b.org/fe/1"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {{"spiffe://a.org/operator/x"}, AUTHZ_OPERATE, NULL, AUTHZ_BY_OPERATORS},
        {{"spiffe://a.org/operator/x"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {{"1.fe.a.org"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {{"1.fe.a.org"}, AUTHZ_READ_KEYS, "mail", AUTHZ_BY_NO_RULE},
        {{"*.fe.a.org"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        {{"spiffe://a.org/fe/*"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        /* each name counts, whichever comes first */
        {{"x.org", "1.fe.a.org"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {{"x.org", "y.org", "spiffe://a.org/fe/1"},
         AUTHZ_READ_KEYS,
         "mail",
         AUTHZ_BY_REALM_READERS},
        {{"*.fe.a.org", "1.fe.a.org"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_REALM_READERS},
        {{"x.org", "y.org"}, AUTHZ_READ_KEYS, "web", AUTHZ_BY_NO_RULE},
        /* a certificate is no user and no group, not even number 0 */
        {{"x.org"}, AUTHZ_OPERATE, NULL, AUTHZ_BY_NO_RULE},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct holder holder;
        holder_init(&holder, rows[i].names);
        struct authz_verdict got =
            authz_decide(&named_rules, &holder.peer, rows[i].action, rows[i].realm);
        if (got.rule != rows[i].want || got.is_allowed != (got.rule != AUTHZ_BY_NO_RULE)) {
            fail_msg("row %zu: rule %d, allowed %d", i, (int)got.rule, (int)got.is_allowed);
        }
        if (got.is_allowed) {
            assert_true(authz_is_named(&named_rules, &holder.peer));
        }
    }
}

/* A DNS pattern that looks like a URI, or the other way round, means only its own kind. */
static void a_uri_is_no_dns_name_and_a_user_has_neither(void **unused)
{
    static const struct authz_principal dns_star[] = {{AUTHZ_DNS, 0, "*"}};
    static const struct authz_principal uri_as_dns[] = {{AUTHZ_URI, 0, "1.fe.a.org"}};
    static const struct authz_rules stars = {{dns_star, 1}, NULL, 0};
    static const struct authz_rules uris = {{uri_as_dns, 1}, NULL, 0};
    const struct peer user = {.uid = 33, .gid = 33};
    struct holder holder;

    (void)unused;
    holder_init(&holder, (const char *const[NAMES_MAX]){"spiffe://a.org"});
    assert_false(authz_is_named(&stars, &holder.peer));
    holder_init(&holder, (const char *const[NAMES_MAX]){"1.fe.a.org"});
    assert_false(authz_is_named(&uris, &holder.peer));
    assert_false(authz_is_named(&stars, &user));
    assert_false(authz_is_named(&named_rules, &user));
}

static void a_denied_certificate_is_told_its_name_as_a_rule_has_it(void **unused)
{
    struct holder holder;
    struct errbuf why;
    char text[AUTHZ_RULE_TEXT_MAX];

    (void)unused;
    holder_init(&holder, (const char *const[NAMES_MAX]){"spiffe://a.org/x", "y.org"});
    authz_explain_denial(&holder.peer, AUTHZ_READ_KEYS, "web", &why);
    assert_non_null(strstr(why.text, "\"spiffe://a.org/x\" to realms: web: readers:"));
    holder_init(&holder, (const char *const[NAMES_MAX]){"1.fe.a.org"});
    authz_explain_denial(&holder.peer, AUTHZ_OPERATE, NULL, &why);
    assert_non_null(strstr(why.text, "dns:1.fe.a.org is no operator"));
    assert_non_null(strstr(why.text, "\"dns:1.fe.a.org\" to operators:"));
    struct authz_verdict verdict = authz_decide(&named_rules, &holder.peer, AUTHZ_READ_KEYS, "web");
    authz_format_rule(&verdict, text);
    assert_string_equal(text, "readers dns:*.fe.a.org");
    holder_init(&holder, (const char *const[NAMES_MAX]){"spiffe://a.org/operator/o"});
    verdict = authz_decide(&named_rules, &holder.peer, AUTHZ_OPERATE, NULL);
    authz_format_rule(&verdict, text);
    assert_string_equal(text, "operators spiffe://a.org/operator/*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_allow_exactly_what_they_say),
        cmocka_unit_test(a_uri_is_no_dns_name_and_a_user_has_neither),
        cmocka_unit_test(a_denied_certificate_is_told_its_name_as_a_rule_has_it),
        cmocka_unit_test(whoever_stands_in_any_rule_is_no_stranger),
        cmocka_unit_test(rules_allow_exactly_what_they_say),
        cmocka_unit_test(nobody_may_anything_without_rules),
        cmocka_unit_test(a_denial_names_the_line_that_would_allow_it_and_no_other_realm),
        cmocka_unit_test(the_deciding_rule_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
