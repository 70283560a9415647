/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/key_choice.h"

#include <string.h>
#include <strings.h>

#include "config/config_value.h"
#include "ctl/show.h"

enum err key_choice_check(const char *text, struct errbuf *why)
{
    size_t len = strlen(text);

    if (strspn(text, "0123456789abcdefABCDEF") != len || len < KEY_CHOICE_MIN ||
        len > (size_t)2 * KEY_NAME_LEN) {
        errbuf_set(why,
                   "\"%s\" cannot be a key's name: %d hexadecimal digits, or the first %d or more "
                   "of them, as stekctl keys shows them",
                   config_value_show(text), 2 * KEY_NAME_LEN, KEY_CHOICE_MIN);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err key_choice_find(const struct wire_key_list *list, const char *text,
                         uint8_t out_name[KEY_NAME_LEN], struct errbuf *why)
{
    const struct wire_key_info *found = NULL;
    size_t matches = 0;

    enum err rc = key_choice_check(text, why);
    if (rc != ERR_OK) {
        return rc;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct show_name name = show_key_name(list->keys[i].name);
        if (strncasecmp(name.text, text, strlen(text)) == 0) {
            found = &list->keys[i];
            matches++;
        }
    }
    if (matches == 0) {
        errbuf_set(why, "realm %s: there is no key %s%s", list->realm, text,
                   strlen(text) < (size_t)2 * KEY_NAME_LEN ? "..." : "");
        return ERR_NOT_FOUND;
    }
    if (matches > 1) {
        errbuf_set(why, "realm %s: the names of %zu keys begin with %s: give more of it",
                   list->realm, matches, text);
        return ERR_INVALID;
    }
    memcpy(out_name, found->name, KEY_NAME_LEN);
    return ERR_OK;
}
