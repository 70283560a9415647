/* SPDX-License-Identifier: Apache-2.0 */
/* The C library's getaddrinfo() is given to this file by the linker: names take as long as a test
 * wants, addresses are converted as ever. */
#include "src/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOKS 4000 /* of 5 ms: more than any answer takes that comes */

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

static int gate[2];         /* a lookup of "slow" waits for a byte */
static _Atomic int lookups; /* of names, begun */
static _Atomic int over;
static _Atomic bool took_signals;

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    sigset_t mask;
    char byte;
    int rc = EAI_NONAME;
    if ((hints->ai_flags & AI_NUMERICHOST) != 0) {
        return __real_getaddrinfo(host, service, hints, out);
    }
    atomic_fetch_add(&lookups, 1);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGTERM) != 1) {
        atomic_store(&took_signals, true);
    }
    if (strcmp(host, "slow") == 0 && read(gate[0], &byte, 1) != 1) {
        rc = EAI_AGAIN;
    } else if (strcmp(host, "nobody") != 0) {
        rc = __real_getaddrinfo("127.0.0.9", service, hints, out);
    }
    atomic_fetch_add(&over, 1);
    return rc;
}

static bool becomes_done(const struct resolve *resolve)
{
    for (int i = 0; i < LOOKS && !resolve_is_done(resolve); i++) {
        (void)poll(NULL, 0, 5);
    }
    return resolve_is_done(resolve);
}

static void addresses_need_no_thread(void **unused)
{
    static const struct {
        const char *host;
        enum err expected;
        int family;
    } rows[] = {
        {"127.0.0.1", ERR_OK, AF_INET},
        {"::1", ERR_OK, AF_INET6},
        {"localhost", ERR_NOT_FOUND, 0},
        {"slow", ERR_NOT_FOUND, 0},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct resolve_answer answer = {.count = 0};
        assert_int_equal(resolve_address(rows[i].host, 7443, &answer), rows[i].expected);
        assert_int_equal(answer.count, rows[i].expected == ERR_OK ? 1 : 0);
        if (rows[i].expected == ERR_OK) {
            assert_int_equal(answer.at[0].ss_family, rows[i].family);
        }
    }
    assert_int_equal(atomic_load(&lookups), 0);
}

static void a_name_is_looked_up_aside_with_all_signals_blocked(void **unused)
{
    struct resolve *resolve = NULL;
    struct resolve_answer answer = {.count = 0};
    struct errbuf why = {""};
    (void)unused;
    assert_int_equal(resolve_start("somebody", 7443, 1000, &resolve), ERR_OK);
    assert_true(becomes_done(resolve));
    assert_int_equal(resolve_get_answer(resolve, &answer, &why), ERR_OK);
    assert_int_equal(answer.count, 1);
    const struct sockaddr_in *at = (const struct sockaddr_in *)&answer.at[0];
    assert_int_equal(at->sin_addr.s_addr, inet_addr("127.0.0.9"));
    assert_int_equal(at->sin_port, htons(7443));
    assert_false(atomic_load(&took_signals));
    assert_false(resolve_is_stale(resolve, 1000 + 59999));
    assert_true(resolve_is_stale(resolve, 1000 + 60000));
    resolve_free(resolve);
}

static void a_host_that_is_not_there_is_said(void **unused)
{
    struct resolve *resolve = NULL;
    struct resolve_answer answer = {.count = 77};
    struct errbuf why = {""};
    (void)unused;
    assert_int_equal(resolve_start("nobody", 7443, 0, &resolve), ERR_OK);
    assert_true(becomes_done(resolve));
    assert_int_equal(resolve_get_answer(resolve, &answer, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "cannot find the host nobody: "));
    assert_int_equal(answer.count, 77);
    resolve_free(resolve);
}

/* Under the address sanitizer this shows too that nothing is lost or used after its end. */
static void who_asked_may_turn_away_before_the_answer(void **unused)
{
    struct resolve *resolve = NULL;
    (void)unused;
    const int before = atomic_load(&over);
    assert_int_equal(resolve_start("slow", 7443, 0, &resolve), ERR_OK);
    assert_false(resolve_is_done(resolve));
    resolve_free(resolve);
    resolve_free(NULL);
    assert_int_equal(write(gate[1], "", 1), 1);
    for (int i = 0; i < LOOKS && atomic_load(&over) == before; i++) {
        (void)poll(NULL, 0, 5);
    }
    assert_int_equal(atomic_load(&over), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_need_no_thread),
        cmocka_unit_test(a_name_is_looked_up_aside_with_all_signals_blocked),
        cmocka_unit_test(a_host_that_is_not_there_is_said),
        cmocka_unit_test(who_asked_may_turn_away_before_the_answer),
    };
    if (pipe(gate) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
