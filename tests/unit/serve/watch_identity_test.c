/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch_identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_process_is_known_by_its_user_and_group(void **unused)
{
    static const int32_t pids[] = {0, 1, 4711};
    char text[PEER_TEXT_MAX];

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        const struct peer peer = {.uid = 33, .gid = 34, .pid = pids[i]};
        watch_identity_format(&peer, text);
        assert_string_equal(text, "uid:33 gid:34");
    }
}

static void the_holder_of_a_certificate_is_known_by_its_name_from_any_address(void **unused)
{
    static const char *const addresses[] = {"192.0.2.1:7", "[2001:db8::1]:65535"};
    char text[PEER_TEXT_MAX];

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct cert_names names = {.at = calloc(1, sizeof(*names.at)), .count = 1};
        struct peer peer = {0};
        struct errbuf why = {""};
        assert_non_null(names.at);
        names.at[0] = (struct cert_name){CERT_NAME_URI, "spiffe://a.org/fe/1"};
        assert_int_equal(peer_of_certificate(&names, addresses[i], &peer, &why), ERR_OK);
        watch_identity_format(&peer, text);
        assert_string_equal(text, "uri:spiffe://a.org/fe/1");
        peer_fini(&peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_known_by_its_user_and_group),
        cmocka_unit_test(the_holder_of_a_certificate_is_known_by_its_name_from_any_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
