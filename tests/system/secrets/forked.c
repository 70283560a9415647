/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend that forks in every way a frontend may, for forks_test.py to look at from outside.
 *
 *   forked ENDPOINT REALM CA CERT KEY
 *
 *   parent   makes the client, attaches a context, starts the client
 *   early    forked before the start, does nothing
 *   late     forked after the start, does nothing
 *   starts   forked after the start, starts the client itself
 *   leaves   forked after the start, frees the client
 *   exec     forked after the start, runs another program
 *   daemon   forked before the start, again after setsid(), and starts the client itself once the
 *            parent, which is to drive, has
 *
 * Prints "NAME PID" of each once it is what it is called, then "ready". Whoever lives waits until
 * standard input is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <stek/openssl.h>
#include <stek/stek.h>

#define WAIT_MS 20000

struct run {
    struct stek_client *client;
    SSL_CTX *ctx;
};

/* A pipe tells the parent that the child is what it is called. */
typedef bool (*become_fn)(struct run *run);

static void require(bool is_so, const char *what)
{
    if (!is_so) {
        (void)fprintf(stderr, "forked: %d: %s: %s\n", (int)getpid(), what, strerror(errno));
        _exit(1);
    }
}

static void wait_for_end(void)
{
    char byte = 0;

    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

static void tell(const char *name, pid_t pid)
{
    (void)printf("%s %d\n", name, (int)pid);
    (void)fflush(stdout);
}

static bool do_nothing(struct run *run)
{
    return run->client != NULL;
}

static bool start(struct run *run)
{
    return stek_client_start(run->client) == STEK_OK &&
           stek_client_wait(run->client, WAIT_MS) == STEK_OK;
}

static bool leave(struct run *run)
{
    SSL_CTX_free(run->ctx);
    stek_client_free(run->client);
    return true;
}

static void spawn(const char *name, struct run *run, become_fn become)
{
    int told[2];
    char byte = 0;

    require(pipe2(told, O_CLOEXEC) == 0, "pipe");
    const pid_t pid = fork();
    require(pid >= 0, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        require(become(run), name);
        require(write(told[1], "", 1) == 1, "telling");
        (void)close(told[0]);
        (void)close(told[1]);
        wait_for_end();
        _exit(0);
    }
    (void)close(told[1]);
    require(read(told[0], &byte, 1) == 1, name);
    (void)close(told[0]);
    tell(name, pid);
}

/* Another program, which knows nothing of us. */
static void spawn_program(void)
{
    int told[2];
    char byte = 0;

    require(pipe2(told, O_CLOEXEC) == 0, "pipe");
    const pid_t pid = fork();
    require(pid >= 0, "fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("cat", "cat", (char *)NULL);
        require(false, "cat");
    }
    (void)close(told[1]);
    require(read(told[0], &byte, 1) == 0, "exec closes the pipe");
    (void)close(told[0]);
    tell("exec", pid);
}

/* As daemon(3) does it: nobody waits for it. Where to tell it to start, and where it tells its pid.
 */
static void spawn_daemon(struct run *run, int *out_go, int *out_told)
{
    int go[2];
    int told[2];
    char byte = 0;

    require(pipe2(told, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0, "pipe");
    const pid_t between = fork();
    require(between >= 0, "fork");
    if (between == 0) {
        require(setsid() > 0, "setsid");
        const pid_t child = fork();
        require(child >= 0, "fork");
        if (child > 0) {
            _exit(0);
        }
        require(read(go[0], &byte, 1) == 1 && start(run), "daemon");
        const pid_t pid = getpid();
        require(write(told[1], &pid, sizeof(pid)) == sizeof(pid), "telling");
        (void)close(told[0]);
        (void)close(told[1]);
        (void)close(go[0]);
        (void)close(go[1]);
        wait_for_end();
        _exit(0);
    }
    require(waitpid(between, NULL, 0) == between, "waitpid");
    (void)close(told[1]);
    (void)close(go[0]);
    *out_go = go[1];
    *out_told = told[0];
}

static void start_daemon(int go, int told)
{
    pid_t pid = 0;

    require(write(go, "", 1) == 1, "telling the daemon");
    require(read(told, &pid, sizeof(pid)) == sizeof(pid), "daemon");
    (void)close(go);
    (void)close(told);
    tell("daemon", pid);
}

static void make(struct run *run, char **argv)
{
    struct stek_options *options = stek_options_new();

    require(options != NULL && stek_options_add_endpoint(options, argv[1]) == STEK_OK &&
                stek_options_add_realm(options, argv[2]) == STEK_OK &&
                stek_options_set_tls(options, argv[3], argv[4], argv[5]) == STEK_OK &&
                stek_client_new(options, &run->client) == STEK_OK,
            options == NULL ? "memory" : stek_options_error(options));
    stek_options_free(options);
    run->ctx = SSL_CTX_new(TLS_server_method());
    require(run->ctx != NULL &&
                stek_ssl_ctx_attach(run->client, run->ctx, argv[2], "api") == STEK_OK,
            "attach");
}

int main(int argc, char **argv)
{
    struct run run = {0};
    int go = -1;
    int told = -1;

    if (argc != 6) {
        (void)fputs("usage: forked ENDPOINT REALM CA CERT KEY\n", stderr);
        return 2;
    }
    make(&run, argv);
    spawn("early", &run, do_nothing);
    spawn_daemon(&run, &go, &told);
    require(start(&run), "start");
    start_daemon(go, told);
    tell("parent", getpid());
    spawn("late", &run, do_nothing);
    spawn("starts", &run, start);
    spawn("leaves", &run, leave);
    spawn_program();
    (void)puts("ready");
    (void)fflush(stdout);
    wait_for_end();
    stek_client_free(run.client);
    return 0;
}
