/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define V1      "grpc/reflection/v1/reflection.proto"
#define V1ALPHA "grpc/reflection/v1alpha/reflection.proto"
#define ADMIN   "stek/v1/admin.proto"
#define KEYS    "stek/v1/keys.proto"
#define HEALTH  "grpc/health/v1/health.proto"

static const char *const files[] = {V1, V1ALPHA, ADMIN, KEYS, HEALTH};

/* A FileDescriptorProto begins with field 1, the file's name. */
static bool is_file(struct slice bytes, const char *name)
{
    const size_t len = strlen(name);

    return bytes.len > len + 2 && bytes.at[0] == 0x0a && bytes.at[1] == len &&
           memcmp(bytes.at + 2, name, len) == 0;
}

static void every_file_is_there_by_its_name(void **unused)
{
    size_t bytes = 0;

    (void)unused;
    assert_int_equal(descriptors_count(), sizeof(files) / sizeof(files[0]));
    for (size_t i = 0; i < descriptors_count(); i++) {
        const size_t file = descriptors_find_file(files[i]);
        assert_true(is_file(descriptors_file(file), files[i]));
        bytes += descriptors_file(file).len;
    }
    print_message("descriptors: %zu files, %zu bytes\n", descriptors_count(), bytes);
    static const char *const none[] = {"",
                                       "keys.proto",
                                       "stek/v1/keys.prot",
                                       "stek/v1/record.proto",
                                       "stek/v1/keys.protox",
                                       "google/protobuf/descriptor.proto"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(descriptors_find_file(none[i]), descriptors_count());
    }
}

static void a_symbol_of_any_kind_leads_to_its_file(void **unused)
{
    static const struct {
        const char *symbol;
        const char *file;
    } rows[] = {
        {"stek.v1.KeyService", KEYS},
        {"stek.v1.KeyService.WatchKeyring", KEYS},
        {"stek.v1.Key", KEYS},
        {"stek.v1.Key.forgotten_from_ms", KEYS},
        {"stek.v1.WatchKeyringRequest.kind", KEYS}, /* a oneof */
        {"stek.v1.AdminService", ADMIN},
        {"stek.v1.RealmStatus", ADMIN},
        {"grpc.health.v1.HealthCheckResponse.ServingStatus", HEALTH},
        {"grpc.health.v1.HealthCheckResponse.NOT_SERVING", HEALTH}, /* beside its enum */
        {"grpc.reflection.v1.ServerReflection", V1},
        {"grpc.reflection.v1alpha.ServerReflection", V1ALPHA},
        {"grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo", V1ALPHA},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t file = descriptors_find_symbol(rows[i].symbol);
        assert_true(file < descriptors_count());
        assert_true(is_file(descriptors_file(file), rows[i].file));
    }
}

static void what_is_not_exactly_a_symbol_is_none(void **unused)
{
    static const char *const symbols[] = {
        "",
        ".",
        "stek",
        "stek.v1",
        "stek.v1.",
        ".stek.v1.Key",
        "stek.v1.Ke",
        "stek.v1.Keys",
        "stek.v1.Key.",
        "stek.v1.Key.name.name",
        "stek.v1.Record",
        "stek.v1.KeyService/GetKeyring",
        "Key",
        "grpc.health.v1.HealthCheckResponse.ServingStatus.NOT_SERVING",
        "grpc.health.v1.NOT_SERVING",
        "grpc.reflection.v1beta.ServerReflection",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        assert_int_equal(descriptors_find_symbol(symbols[i]), descriptors_count());
    }
}

static void a_file_comes_with_what_it_imports_each_once(void **unused)
{
    struct slice out[DESCRIPTORS_MAX];

    (void)unused;
    assert_int_equal(descriptors_with_imports(descriptors_find_file(KEYS), out), 1);
    assert_true(is_file(out[0], KEYS));
    assert_int_equal(descriptors_with_imports(descriptors_find_file(ADMIN), out), 2);
    assert_true(is_file(out[0], ADMIN));
    assert_true(is_file(out[1], KEYS));
}

struct names {
    size_t count;
    char at[8][DESCRIPTORS_NAME_MAX + 1];
};

static void collect(void *ctx, const char *name)
{
    struct names *names = ctx;

    assert_true(names->count < 8);
    memcpy(names->at[names->count++], name, strlen(name) + 1);
}

static void every_service_is_told(void **unused)
{
    static const char *const want[] = {
        "stek.v1.KeyService",
        "stek.v1.AdminService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    };
    struct names names = {0};

    (void)unused;
    descriptors_each_service(collect, &names);
    assert_int_equal(names.count, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < names.count; i++) {
        assert_string_equal(names.at[i], want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_is_there_by_its_name),
        cmocka_unit_test(a_symbol_of_any_kind_leads_to_its_file),
        cmocka_unit_test(what_is_not_exactly_a_symbol_is_none),
        cmocka_unit_test(a_file_comes_with_what_it_imports_each_once),
        cmocka_unit_test(every_service_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
