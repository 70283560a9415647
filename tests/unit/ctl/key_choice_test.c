/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/key_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TAIL "000000000000000000000000"

static void a_key_is_chosen_by_its_name_or_the_beginning_of_it(void **unused)
{
    struct wire_key_info keys[] = {{.name = {0x12, 0x34, 0x56, 0x78, 0x9a}},
                                   {.name = {0x12, 0x34, 0x56, 0x78, 0x9b}},
                                   {.name = {0xAB, 0xCD, 0xEF, 0x01}}};
    const struct wire_key_list list = {.realm = "web", .keys = keys, .count = 3};
    static const struct {
        const char *text;
        enum err want;
        uint8_t index;
        const char *why;
    } rows[] = {
        {"123456789a", ERR_OK, 0, ""},
        {"123456789b", ERR_OK, 1, ""},
        {"abcdef01", ERR_OK, 2, ""},
        {"ABCDEF01", ERR_OK, 2, ""},
        {"abcdef01" TAIL, ERR_OK, 2, ""},
        {"12345678", ERR_INVALID, 0, "the names of 2 keys begin with"},
        {"abcdef02", ERR_NOT_FOUND, 0, "there is no key abcdef02..."},
        {"abcdef02" TAIL, ERR_NOT_FOUND, 0, "there is no key abcdef02" TAIL},
        {"abcdef0", ERR_INVALID, 0, "cannot be a key's name"},
        {"abcdefg1", ERR_INVALID, 0, "cannot be a key's name"},
        {"", ERR_INVALID, 0, "cannot be a key's name"},
        {"abcdef01" TAIL "0", ERR_INVALID, 0, "cannot be a key's name"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t name[KEY_NAME_LEN] = {0};
        struct errbuf why = {""};
        assert_int_equal(key_choice_find(&list, rows[i].text, name, &why), rows[i].want);
        assert_non_null(strstr(why.text, rows[i].why));
        if (rows[i].want == ERR_OK) {
            assert_memory_equal(name, keys[rows[i].index].name, KEY_NAME_LEN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_chosen_by_its_name_or_the_beginning_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
