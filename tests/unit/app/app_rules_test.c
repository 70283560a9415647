/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct config_principal top[] = {{.kind = CONFIG_PRINCIPAL_UID, .id = 7}};
static struct config_principal readers[] = {{.kind = CONFIG_PRINCIPAL_UID, .id = 33},
                                            {.kind = CONFIG_PRINCIPAL_GID, .id = 44}};
static char uri[] = "spiffe://example.org/fe/*";
static char dns[] = "*.fe.example.org";
static struct config_principal operators[] = {{.kind = CONFIG_PRINCIPAL_GID, .id = 55},
                                              {.kind = CONFIG_PRINCIPAL_URI, .pattern = uri},
                                              {.kind = CONFIG_PRINCIPAL_DNS, .pattern = dns}};

static void every_list_is_carried_over_to_its_place(void **unused)
{
    struct config_realm realms[] = {
        {.name = "web", .readers = {readers, 2}},
        {.name = "mail", .readers = {readers, 1}, .operators = {operators, 3}},
    };
    const struct config config = {.operators = {top, 1}, .realms = realms, .realm_count = 2};
    struct app_rules made = {0};

    (void)unused;
    assert_int_equal(app_rules_make(&config, &made), ERR_OK);
    assert_int_equal(made.rules.operators.count, 1);
    assert_int_equal(made.rules.operators.at[0].kind, AUTHZ_UID);
    assert_int_equal(made.rules.operators.at[0].id, 7);
    assert_int_equal(made.rules.realm_count, 2);
    const struct authz_realm *web = &made.rules.realms[0];
    const struct authz_realm *mail = &made.rules.realms[1];
    assert_string_equal(web->name, "web");
    assert_int_equal(web->readers.count, 2);
    assert_int_equal(web->readers.at[0].id, 33);
    assert_int_equal(web->readers.at[1].kind, AUTHZ_GID);
    assert_int_equal(web->readers.at[1].id, 44);
    assert_int_equal(web->operators.count, 0);
    assert_string_equal(mail->name, "mail");
    assert_int_equal(mail->readers.count, 1);
    assert_int_equal(mail->operators.count, 3);
    assert_int_equal(mail->operators.at[0].kind, AUTHZ_GID);
    assert_int_equal(mail->operators.at[0].id, 55);
    assert_int_equal(mail->operators.at[1].kind, AUTHZ_URI);
    assert_string_equal(mail->operators.at[1].pattern, uri);
    assert_int_equal(mail->operators.at[2].kind, AUTHZ_DNS);
    assert_string_equal(mail->operators.at[2].pattern, dns);
    app_rules_fini(&made);
    app_rules_fini(&made);
}

static void empty_lists_allow_nobody(void **unused)
{
    struct config_realm realms[] = {{.name = "web"}};
    const struct config config = {.realms = realms, .realm_count = 1};
    const struct peer root = {0};
    struct app_rules made = {0};

    (void)unused;
    assert_int_equal(app_rules_make(&config, &made), ERR_OK);
    assert_false(authz_decide(&made.rules, &root, AUTHZ_READ_KEYS, "web").is_allowed);
    assert_false(authz_decide(&made.rules, &root, AUTHZ_OPERATE, "web").is_allowed);
    assert_false(authz_decide(&made.rules, &root, AUTHZ_OPERATE, NULL).is_allowed);
    app_rules_fini(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_list_is_carried_over_to_its_place),
        cmocka_unit_test(empty_lists_allow_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
