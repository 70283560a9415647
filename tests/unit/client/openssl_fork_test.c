/* SPDX-License-Identifier: Apache-2.0 */
/* Processes forked from one another never issue a ticket under the same IV (F9). */
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/client/openssl_fixture.h"

#define PROCESSES         3
#define TICKETS_EACH      36000
#define TICKETS_A_SESSION 120 /* what a pair's buffer takes at once */

typedef uint8_t iv[16];

struct ivs {
    iv *at; /* in shared memory */
    size_t count;
};

static int keep_iv(SSL *ssl, SSL_SESSION *session)
{
    struct ivs *ivs = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (ivs->count < TICKETS_EACH) {
        memcpy(ivs->at[ivs->count++], fixture_key_name(session) + 16, sizeof(iv));
    }
    return 0;
}

static void issue_all(struct fixture *f, iv *at)
{
    struct ivs ivs = {.at = at};

    (void)SSL_CTX_set_app_data(f->client, &ivs);
    while (ivs.count < TICKETS_EACH) {
        size_t before = ivs.count;
        (void)fixture_shake(f, TLS1_3_VERSION, NULL);
        assert_true(ivs.count > before);
    }
}

/* fork() without the C library's handlers, as container runtimes and snapshots do. */
static pid_t bare_fork(void)
{
    return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
}

static void wait_for(pid_t child)
{
    int status = 0;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(iv));
}

static void parent_and_children_share_no_iv_in_100000_tickets(void **state)
{
    struct fixture *f = *state;
    size_t count = (size_t)PROCESSES * TICKETS_EACH;
    iv *all =
        mmap(NULL, count * sizeof(iv), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(all != MAP_FAILED);
    fixture_add_active(f, 1);
    assert_int_equal(SSL_CTX_set_num_tickets(f->server, 3), 1);
    SSL_SESSION *ticket = fixture_ticket(f, TLS1_3_VERSION); /* the pool is now in use */
    SSL_SESSION_free(ticket);
    assert_int_equal(SSL_CTX_set_num_tickets(f->server, TICKETS_A_SESSION), 1);
    SSL_CTX_sess_set_new_cb(f->client, keep_iv);

    pid_t children[2] = {fork(), -1};
    if (children[0] == 0) {
        issue_all(f, all);
        _exit(0);
    }
    children[1] = bare_fork();
    if (children[1] == 0) {
        issue_all(f, all + TICKETS_EACH);
        _exit(0);
    }
    issue_all(f, all + 2 * (size_t)TICKETS_EACH);
    wait_for(children[0]);
    wait_for(children[1]);

    qsort(all, count, sizeof(iv), compare);
    for (size_t i = 1; i < count; i++) {
        assert_memory_not_equal(all[i - 1], all[i], sizeof(iv));
    }
    (void)munmap(all, count * sizeof(iv));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(parent_and_children_share_no_iv_in_100000_tickets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
