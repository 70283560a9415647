/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/config_scalar.h"
#include "config/config_suggest.h"

static void every_row_has_a_path_of_its_own_and_a_sentence(void **unused)
{
    (void)unused;
    assert_true(config_keys_count() > 0);
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        size_t len = strlen(key->sentence);
        assert_ptr_equal(config_keys_find(key->path), key);
        assert_in_range(len, 2, 86); /* fits in a line of the sample file */
        assert_int_equal(key->sentence[len - 1], '.');
        assert_true(strlen(config_keys_leaf(key->path)) <= CONFIG_SUGGEST_MAX);
    }
    assert_null(config_keys_find("no.such.key"));
    assert_null(config_keys_find(""));
}

static void a_row_is_of_this_version_or_of_a_later_one(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        assert_int_equal(key->since == NULL, key->type == CONFIG_TYPE_LATER);
        assert_false(key->is_required && key->preset != NULL);
    }
}

/* A key that can be left out says what then holds. */
static void every_optional_value_has_a_preset(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        bool is_value = key->type != CONFIG_TYPE_LATER && key->type != CONFIG_TYPE_SECTION &&
                        key->type != CONFIG_TYPE_LISTENERS && key->type != CONFIG_TYPE_REALMS;
        if (is_value && !key->is_required) {
            assert_non_null(key->preset);
        }
        if (is_value) {
            assert_true(key->preset != NULL || key->sample != NULL);
        }
        if (key->is_computed) {
            assert_non_null(key->sample);
        }
    }
}

/* The struct that the offsets of this row count in. */
static void *target_of(const struct config_key *key, struct config *config,
                       struct config_listener *listener, struct config_realm *realm)
{
    if (strncmp(key->path, "listen[]", 8) == 0) {
        return listener;
    }
    return strncmp(key->path, "realms.*", 8) == 0 ? (void *)realm : (void *)config;
}

static void the_presets_are_values_of_their_type_and_agree_with_the_policy(void **unused)
{
    struct config config = {0};
    struct config_listener listener = {0};
    struct config_realm realm = {0};

    (void)unused;
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        if (key->preset != NULL && !key->is_computed) {
            config_scalar_read_preset(key, target_of(key, &config, &listener, &realm));
        }
    }
    struct policy want = policy_default(INT64_C(43200000));
    assert_string_equal(config.deployment, "stek");
    assert_int_equal(config.log.format, LOG_FORMAT_LOGFMT);
    assert_int_equal(config.log.level, LOG_LEVEL_INFO);
    assert_int_equal(listener.mode, 0660);
    assert_int_equal(realm.policy.rotate_every_ms, want.rotate_every_ms);
    assert_int_equal(realm.policy.ticket_lifetime_ms, want.ticket_lifetime_ms);
    assert_int_equal(realm.policy.keys_ahead, want.keys_ahead);
    assert_int_equal(want.max_offline_ms, 0); /* "until the keys' own dates" */
    assert_int_equal(want.sync_interval_ms, 15000);
    assert_int_equal(want.max_session_age_ms, 86400000);
}

static void the_choices_stand_in_the_order_of_their_enums(void **unused)
{
    (void)unused;
    const struct config_key *level = config_keys_find("log.level");
    for (size_t i = 0; level->choices[i] != NULL; i++) {
        assert_string_equal(level->choices[i], log_level_text((enum log_level)i));
    }
    const struct config_key *format = config_keys_find("log.format");
    assert_string_equal(format->choices[LOG_FORMAT_LOGFMT], "logfmt");
    assert_string_equal(format->choices[LOG_FORMAT_JSON], "json");
    const struct config_key *store = config_keys_find("store.type");
    assert_string_equal(store->choices[CONFIG_STORE_MEMORY], "memory");
    assert_string_equal(store->choices[CONFIG_STORE_FILE], "file");
    assert_string_equal(store->choices[CONFIG_STORE_REDIS], "redis");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_path_of_its_own_and_a_sentence),
        cmocka_unit_test(a_row_is_of_this_version_or_of_a_later_one),
        cmocka_unit_test(every_optional_value_has_a_preset),
        cmocka_unit_test(the_presets_are_values_of_their_type_and_agree_with_the_policy),
        cmocka_unit_test(the_choices_stand_in_the_order_of_their_enums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
