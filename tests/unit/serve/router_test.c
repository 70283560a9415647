/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/methods.h"

static void every_method_of_this_version_has_its_handler(void **unused)
{
    static const struct {
        const char *path;
        enum call_kind kind;
    } rows[] = {
        {METHOD_GET_KEYRING, CALL_UNARY},
        {METHOD_WATCH_KEYRING, CALL_STREAM},
        {METHOD_GET_STATUS, CALL_UNARY},
        {METHOD_LIST_REALMS, CALL_UNARY},
        {METHOD_LIST_KEYS, CALL_UNARY},
        {METHOD_ROTATE, CALL_UNARY},
        {METHOD_REVOKE, CALL_UNARY},
        {METHOD_REKEY, CALL_UNARY},
        {METHOD_LIST_FRONTENDS, CALL_UNARY},
        {METHOD_HEALTH_CHECK, CALL_UNARY},
        {METHOD_HEALTH_WATCH, CALL_STREAM},
        {METHOD_REFLECTION_V1, CALL_STREAM},
        {METHOD_REFLECTION_V1ALPHA, CALL_STREAM},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct method *method = router_find(rows[i].path);
        assert_non_null(method);
        assert_string_equal(method->path, rows[i].path);
        assert_int_equal(method->kind, rows[i].kind);
        assert_non_null(method->on_message);
    }
    assert_int_equal(router_method_count(), sizeof(rows) / sizeof(rows[0]));
}

static void no_two_rows_have_the_same_path(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < router_method_count(); i++) {
        assert_ptr_equal(router_find(router_method_at(i)->path), router_method_at(i));
    }
}

static void what_is_not_exactly_a_path_is_unknown(void **unused)
{
    static const char *const paths[] = {
        "",
        "/",
        "stek.v1.KeyService/GetKeyring",
        METHOD_GET_KEYRING "/",
        METHOD_GET_KEYRING "s",
        "/stek.v1.KeyService/GetKeyrin",
        "/stek.v1.KeyService/getkeyring",
        "/stek.v1.AdminService/WatchEvents",
        "/grpc.reflection.v1beta.ServerReflection/ServerReflectionInfo",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_null(router_find(paths[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_of_this_version_has_its_handler),
        cmocka_unit_test(no_two_rows_have_the_same_path),
        cmocka_unit_test(what_is_not_exactly_a_path_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
