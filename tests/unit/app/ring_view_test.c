/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ring_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"

/* A key named by one letter. Dates are seconds of the table, in the order of a key's life. */
struct row_key {
    char name; /* 0: no more keys */
    int64_t active_from;
    int64_t retired_from;
    int64_t dropped_from;
    bool revoked;
    bool is_gone; /* has no bytes */
};

#define KEYS_MAX 3

struct told {
    char text[256];
};

static void note(void *ctx, enum ring_event event, const struct ring_view_key *was,
                 const struct ring_view_key *is)
{
    static const char *const texts[] = {
        [RING_KEY_PUBLISHED] = "published", [RING_KEY_PROMOTED] = "promoted",
        [RING_KEY_SHORTENED] = "shortened", [RING_KEY_REVOKED] = "revoked",
        [RING_KEY_DROPPED] = "dropped",     [RING_KEY_ENCRYPTS] = "encrypts",
        [RING_NONE_ENCRYPTS] = "none",
    };
    struct told *told = ctx;
    size_t len = strlen(told->text);

    (void)snprintf(told->text + len, sizeof(told->text) - len, "%s%c %s", len == 0 ? "" : ", ",
                   is != NULL ? is->name[0] : was->name[0], texts[event]);
}

static struct ring_view view_at(const struct row_key *keys, int64_t now)
{
    struct ring_view view = {0};
    struct keyring ring = {0};

    assert_int_equal(keyring_init(&ring, "web"), ERR_OK);
    for (size_t i = 0; i < KEYS_MAX && keys[i].name != 0; i++) {
        struct key *key = secret_alloc(sizeof(*key));
        assert_non_null(key);
        *key = (struct key){
            .name = {(uint8_t)keys[i].name},
            .active_from = keys[i].active_from,
            .retired_from = keys[i].retired_from,
            .dropped_from = keys[i].dropped_from,
            .forgotten_from = keys[i].dropped_from,
            .revoked = keys[i].revoked,
            .has_bytes = !keys[i].is_gone,
            .bytes = {7},
        };
        assert_int_equal(keyring_add(&ring, key), ERR_OK);
        secret_free(key);
    }
    assert_int_equal(ring_view_take(&view, &ring, now), ERR_OK);
    keyring_fini(&ring);
    return view;
}

static void every_change_between_two_views_is_told_once(void **unused)
{
    static const struct {
        struct row_key before[KEYS_MAX];
        int64_t before_at;
        struct row_key after[KEYS_MAX];
        int64_t after_at;
        const char *want;
    } rows[] = {
        {{{0}}, 0, {{0}}, 9, ""},
        {{{0}}, 0, {{'a', 10, 20, 30, false, false}}, 9, "a published"},
        {{{0}}, 0, {{'a', 10, 20, 30, false, false}}, 10, "a published, a encrypts"},
        {{{0}}, 0, {{'a', 10, 20, 30, true, true}}, 10, "a revoked"},
        {{{0}}, 0, {{'a', 10, 20, 30, false, true}}, 30, ""},
        /* Time alone: who encrypts, at -1, 0 and +1. */
        {{{'a', 10, 20, 30, false, false}}, 8, {{'a', 10, 20, 30, false, false}}, 9, ""},
        {{{'a', 10, 20, 30, false, false}}, 9, {{'a', 10, 20, 30, false, false}}, 10, "a encrypts"},
        {{{'a', 10, 20, 30, false, false}}, 10, {{'a', 10, 20, 30, false, false}}, 11, ""},
        {{{'a', 10, 20, 30, false, false}}, 19, {{'a', 10, 20, 30, false, false}}, 20, "a none"},
        {{{'a', 10, 20, 30, false, false}, {'b', 20, 30, 40, false, false}},
         19,
         {{'a', 10, 20, 30, false, false}, {'b', 20, 30, 40, false, false}},
         20,
         "b encrypts"},
        /* A rotate: the next begins at 15, the old one retires then. */
        {{{'a', 10, 20, 30, false, false}, {'b', 20, 30, 40, false, false}},
         14,
         {{'a', 10, 15, 25, false, false}, {'b', 15, 25, 35, false, false}},
         15,
         "a shortened, b promoted, b encrypts"},
        {{{'a', 10, 20, 30, false, false}}, 5, {{'a', 10, 20, 29, false, false}}, 5, "a shortened"},
        {{{'a', 10, 20, 30, false, false}}, 5, {{'a', 9, 19, 29, false, false}}, 5, "a promoted"},
        {{{'a', 10, 20, 30, false, false}},
         5,
         {{'a', 9, 18, 28, false, false}},
         5,
         "a promoted, a shortened"},
        /* The end: by date, with the entry or without it, or by revocation. */
        {{{'a', 10, 20, 30, false, false}}, 29, {{'a', 10, 20, 30, false, true}}, 30, "a dropped"},
        {{{'a', 10, 20, 30, false, false}}, 29, {{0}}, 30, "a dropped"},
        {{{'a', 10, 20, 30, false, true}}, 30, {{0}}, 31, ""},
        {{{'a', 10, 20, 30, false, false}},
         12,
         {{'a', 10, 20, 30, true, true}},
         12,
         "a revoked, a none"},
        {{{'a', 10, 20, 30, true, true}}, 12, {{'a', 10, 20, 30, true, true}}, 13, ""},
        {{{'a', 10, 20, 30, true, true}}, 12, {{0}}, 30, ""},
        {{{'a', 10, 20, 30, false, true}}, 12, {{'a', 10, 20, 30, true, true}}, 13, "a revoked"},
        /* The first, one between, and the last of the sorted names. */
        {{{'b', 10, 20, 30, false, false}},
         5,
         {{'a', 10, 20, 30, false, false},
          {'b', 10, 20, 30, false, false},
          {'c', 10, 20, 30, false, false}},
         5,
         "a published, c published"},
        {{{'a', 10, 20, 30, false, false},
          {'b', 10, 20, 30, false, false},
          {'c', 10, 20, 30, false, false}},
         5,
         {{'b', 10, 20, 30, false, false}},
         5,
         "a dropped, c dropped"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ring_view before = view_at(rows[i].before, rows[i].before_at);
        struct ring_view after = view_at(rows[i].after, rows[i].after_at);
        struct told told = {""};
        ring_view_compare(&before, &after, note, &told);
        if (strcmp(told.text, rows[i].want) != 0) {
            fail_msg("row %zu: \"%s\" instead of \"%s\"", i, told.text, rows[i].want);
        }
        ring_view_fini(&before);
        ring_view_fini(&after);
        ring_view_fini(&after);
    }
}

static void the_next_date_is_the_first_one_still_to_come(void **unused)
{
    static const struct row_key alive[KEYS_MAX] = {{'a', 10, 20, 30, false, false},
                                                   {'b', 15, 25, 35, false, false}};
    static const struct row_key spent[KEYS_MAX] = {{'a', 10, 20, 30, true, true},
                                                   {'b', 15, 25, 35, false, true}};
    static const struct {
        const struct row_key *keys;
        int64_t now;
        int64_t want;
    } rows[] = {
        {alive, 9, 10},  {alive, 10, 15}, {alive, 14, 15},        {alive, 15, 20},
        {alive, 20, 25}, {alive, 34, 35}, {alive, 35, INT64_MAX}, {spent, 9, INT64_MAX},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ring_view view = view_at(rows[i].keys, rows[i].now);
        assert_int_equal(ring_view_next_date(&view, rows[i].now), rows[i].want);
        ring_view_fini(&view);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_between_two_views_is_told_once),
        cmocka_unit_test(the_next_date_is_the_first_one_still_to_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
