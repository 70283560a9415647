/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
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

static int listen_on(const char *host, uint16_t *out_port)
{
    struct errbuf why = {""};
    char name[TCP_SOCKET_NAME_MAX];
    int fd = -1;

    if (tcp_socket_listen(host, 0, &fd, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    tcp_socket_format_local(fd, name);
    *out_port = (uint16_t)strtoul(strrchr(name, ':') + 1, NULL, 10);
    assert_true(*out_port > 0);
    return fd;
}

static void an_address_is_listened_on_and_named(void **unused)
{
    uint16_t port = 0;
    char name[TCP_SOCKET_NAME_MAX];
    char want[TCP_SOCKET_NAME_MAX];
    int fd = listen_on("127.0.0.1", &port);

    (void)unused;
    tcp_socket_format_local(fd, name);
    (void)snprintf(want, sizeof(want), "127.0.0.1:%u", port);
    assert_string_equal(name, want);
    tcp_socket_format_peer(fd, name);
    assert_string_equal(name, "?");
    (void)close(fd);
}

/* Where IPv6 is switched off there is nothing to be tested. */
static void an_ipv6_address_takes_no_ipv4(void **unused)
{
    const struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    uint16_t port = 0;
    char name[TCP_SOCKET_NAME_MAX];
    int probe = socket(AF_INET6, SOCK_STREAM, 0);

    (void)unused;
    if (probe < 0 || bind(probe, (const struct sockaddr *)&any, sizeof(any)) != 0) {
        print_message("this host has no IPv6 loopback address\n");
        skip();
    }
    (void)close(probe);
    int fd = listen_on("::", &port);
    int only = 0;
    socklen_t len = sizeof(only);
    assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len), 0);
    assert_int_equal(only, 1);
    tcp_socket_format_local(fd, name);
    assert_int_equal(strncmp(name, "[::]:", 5), 0);
    (void)close(fd);
}

static void what_cannot_be_listened_on_says_why(void **unused)
{
    struct errbuf why = {""};
    uint16_t port = 0;
    int fd = listen_on("127.0.0.1", &port);
    int other = -7;

    (void)unused;
    assert_int_equal(tcp_socket_listen("127.0.0.1", port, &other, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.text, "another process listens there"));
    assert_int_equal(tcp_socket_listen("192.0.2.1", 0, &other, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "no such address"));
    assert_int_equal(tcp_socket_listen("localhost", 0, &other, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not an IPv4 or IPv6 address"));
    assert_int_equal(tcp_socket_listen("", 0, &other, &why), ERR_INVALID);
    assert_int_equal(other, -7);
    (void)close(fd);
}

static int option_of(int fd, int level, int option)
{
    int value = 0;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static void a_peer_that_vanishes_is_given_up_by_the_kernel(void **unused)
{
    uint16_t port = 0;
    int fd = listen_on("127.0.0.1", &port);

    (void)unused;
    tcp_socket_prepare(fd);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), TCP_SOCKET_SILENCE_S);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), TCP_SOCKET_SILENCE_S * 1000);
    assert_true(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT) *
                    option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL) <=
                TCP_SOCKET_SILENCE_S);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_listened_on_and_named),
        cmocka_unit_test(an_ipv6_address_takes_no_ipv4),
        cmocka_unit_test(what_cannot_be_listened_on_says_why),
        cmocka_unit_test(a_peer_that_vanishes_is_given_up_by_the_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
