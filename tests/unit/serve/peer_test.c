/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* What the kernel says of the peer; NULL: what it really says. */
static const struct ucred *said;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    if (said == NULL || name != SO_PEERCRED) {
        return __real_getsockopt(fd, level, name, value, len);
    }
    memcpy(value, said, sizeof(*said));
    *len = sizeof(*said);
    return 0;
}

static void the_peer_of_a_socket_pair_is_this_process(void **unused)
{
    struct peer peer = {0};
    struct errbuf why = {""};
    gid_t groups[256];
    char text[PEER_TEXT_MAX];
    char want[PEER_TEXT_MAX];
    int pair[2];

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(peer_of_socket(pair[0], &peer, &why), ERR_OK);
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
    assert_int_equal(peer.pid, getpid());
    int count = getgroups(256, groups);
    assert_true(count >= 0);
    assert_int_equal(peer.group_count, count);
    for (int i = 0; i < count; i++) {
        assert_true(peer_has_group(&peer, groups[i]));
    }
    assert_true(peer_has_group(&peer, getgid()));
    assert_false(peer_has_group(&peer, 0xfffffff0U));
    peer_format(&peer, text);
    (void)snprintf(want, sizeof(want), "uid:%u gid:%u pid:%d", getuid(), getgid(), getpid());
    assert_string_equal(text, want);
    peer_fini(&peer);
    assert_null(peer.groups);
    peer_fini(&peer);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static void what_is_not_a_unix_socket_has_no_peer(void **unused)
{
    struct peer peer = {.uid = 12345};
    struct errbuf why = {""};
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    int pipes[2];

    (void)unused;
    assert_true(tcp >= 0);
    assert_int_equal(pipe(pipes), 0);
    assert_int_not_equal(peer_of_socket(tcp, &peer, &why), ERR_OK);
    assert_int_not_equal(peer_of_socket(pipes[0], &peer, &why), ERR_OK);
    assert_int_not_equal(peer_of_socket(-1, &peer, &why), ERR_OK);
    assert_int_equal(peer.uid, 12345);
    assert_true(why.text[0] != '\0');
    (void)close(tcp);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

/* Process ids of another namespace read as 0: a frontend in a container of its own. */
static void a_peer_whose_process_cannot_be_seen_is_known_by_its_user(void **unused)
{
    static const struct ucred rows[] = {{0, 33, 44}, {4711, 0, 0}, {0, (uid_t)-1, 0}};
    static const char *const want[] = {"uid:33 gid:44", "uid:0 gid:0 pid:4711", NULL};
    int pair[2];

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (size_t i = 0; i < 3; i++) {
        struct peer peer = {0};
        struct errbuf why = {""};
        char text[PEER_TEXT_MAX];
        said = &rows[i];
        enum err rc = peer_of_socket(pair[0], &peer, &why);
        said = NULL;
        assert_int_equal(rc, want[i] == NULL ? ERR_DENIED : ERR_OK);
        if (want[i] != NULL) {
            peer_format(&peer, text);
            assert_string_equal(text, want[i]);
        }
        peer_fini(&peer);
    }
    (void)close(pair[0]);
    (void)close(pair[1]);
}

static struct cert_names names_with(const char *first)
{
    struct cert_names names = {.at = calloc(1, sizeof(*names.at)), .count = 1};

    assert_non_null(names.at);
    names.at[0] = (struct cert_name){CERT_NAME_URI, first};
    return names;
}

static void the_holder_of_a_certificate_is_known_by_its_first_name(void **unused)
{
    struct cert_names names = names_with("spiffe://a.org/fe/1");
    struct cert_names none = {0};
    struct peer peer = {.uid = 12345};
    struct errbuf why = {""};
    char text[PEER_TEXT_MAX];

    (void)unused;
    assert_int_equal(peer_of_certificate(&none, "192.0.2.1:7", &peer, &why), ERR_DENIED);
    assert_non_null(strstr(why.text, "subjectAltName"));
    assert_int_equal(peer.uid, 12345);
    assert_int_equal(peer_of_certificate(&names, "192.0.2.1:7", &peer, &why), ERR_OK);
    assert_null(names.at);
    peer_format(&peer, text);
    assert_string_equal(text, "uri:spiffe://a.org/fe/1 192.0.2.1:7");
    assert_true(peer_has_name(&peer, CERT_NAME_URI, "spiffe://a.org/fe/*"));
    assert_false(peer_has_name(&peer, CERT_NAME_DNS, "spiffe://a.org/fe/*"));
    assert_false(peer_is_user(&peer, 0));
    assert_false(peer_has_group(&peer, 0));
    peer_fini(&peer);
    assert_null(peer.certificate);
}

static void a_long_name_leaves_room_for_the_address(void **unused)
{
    char name[CERT_NAMES_BYTES_MAX];
    struct peer peer = {0};
    struct errbuf why = {""};
    char text[PEER_TEXT_MAX];

    (void)unused;
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct cert_names names = names_with(name);
    assert_int_equal(peer_of_certificate(&names, "[2001:db8::1]:65535", &peer, &why), ERR_OK);
    peer_format(&peer, text);
    assert_non_null(strstr(text, "aaa [2001:db8::1]:65535"));
    peer_fini(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_holder_of_a_certificate_is_known_by_its_first_name),
        cmocka_unit_test(a_long_name_leaves_room_for_the_address),
        cmocka_unit_test(the_peer_of_a_socket_pair_is_this_process),
        cmocka_unit_test(a_peer_whose_process_cannot_be_seen_is_known_by_its_user),
        cmocka_unit_test(what_is_not_a_unix_socket_has_no_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
