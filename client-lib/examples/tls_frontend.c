/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small pre-forked TLS server that shares its session tickets with the fleet: what to copy when
 * linking libstek into a server of your own. It says who answered, and whether the session was
 * resumed.
 *
 *   parent   makes the client, the context and the listening socket, forks workers, replaces those
 *            that die, and does no TLS
 *   worker   starts the client (one of them drives, the others stand by) and serves
 *
 * SIGTERM stops it; SIGUSR1 writes the realm's status to --status-file, as one line of JSON.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4() */
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stek/openssl.h>
#include <stek/stek.h>

#include "frontend_connection.h"
#include "frontend_status.h"

#define WORKERS_MAX     64
#define ENDPOINTS_MAX   8
#define CONNECTIONS_MAX 256  /* of one worker */
#define RESPAWN_MS      1000 /* a worker that dies at once is not replaced at once */

struct settings {
    const char *listen;
    const char *cert;
    const char *key;
    const char *endpoints[ENDPOINTS_MAX];
    size_t endpoint_count;
    const char *stek_ca; /* for host:port endpoints; NULL: none */
    const char *stek_cert;
    const char *stek_key;
    const char *realm;
    const char *context;
    const char *name;
    const char *status_file;
    const char *workers_text;
    unsigned long workers;
    struct sockaddr_in address;
};

struct frontend {
    struct settings settings;
    struct stek_client *client;
    SSL_CTX *ctx;
    int listener;
    struct {
        pid_t pid; /* 0: none */
        int64_t started_ms;
    } workers[WORKERS_MAX];
};

/* --- a worker ---------------------------------------------------------------------------------
 */

struct worker {
    struct frontend *frontend;
    int signals;
    bool is_stopping;
    size_t count;
    struct frontend_connection connections[CONNECTIONS_MAX];
    struct pollfd polled[CONNECTIONS_MAX + 2]; /* signals, listener, then each connection */
};

/* The listener is left out while there is no room, or when stopping: others accept instead. */
static void wait_for_work(struct worker *w)
{
    struct pollfd *polled = w->polled;
    bool is_open = !w->is_stopping && w->count < CONNECTIONS_MAX;

    polled[0] = (struct pollfd){.fd = w->signals, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = is_open ? w->frontend->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < w->count; i++) {
        polled[i + 2] =
            (struct pollfd){.fd = w->connections[i].fd, .events = w->connections[i].wants};
    }
    if (poll(polled, (nfds_t)w->count + 2, w->count > 0 ? 200 : -1) < 0) {
        memset(polled, 0, sizeof(*polled) * (w->count + 2)); /* interrupted: nothing is ready */
    }
}

static void serve_connections(struct worker *w)
{
    const struct pollfd *polled = w->polled + 2;
    int64_t now = frontend_now_ms();

    /* From the end, so that the last may take the place of one that is over. */
    for (size_t i = w->count; i-- > 0;) {
        struct frontend_connection *c = &w->connections[i];
        if (polled[i].revents != 0) {
            frontend_connection_advance(c, w->frontend->settings.name);
        }
        if (c->step == STEP_OVER || now >= c->deadline_ms) {
            frontend_connection_close(c);
            *c = w->connections[--w->count];
        }
    }
}

/* Returns the process's exit status. */
static int work(struct frontend *frontend, int signals)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (w == NULL || stek_client_start(frontend->client) != STEK_OK) {
        (void)fprintf(stderr, "tls_frontend: a worker cannot start\n");
        free(w);
        return 1;
    }
    w->frontend = frontend;
    w->signals = signals;
    while (!w->is_stopping || w->count > 0) {
        wait_for_work(w);
        serve_connections(w);
        if (w->polled[0].revents != 0) {
            struct signalfd_siginfo term;
            w->is_stopping = read(w->signals, &term, sizeof(term)) == sizeof(term);
        } else if (w->polled[1].revents != 0 &&
                   frontend_connection_open(&w->connections[w->count], frontend->ctx,
                                            frontend->listener)) {
            w->count++;
        }
    }
    free(w);
    return 0;
}

/* --- the parent -------------------------------------------------------------------------------
 */

static int signals_of_worker(void)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void teardown(struct frontend *f)
{
    SSL_CTX_free(f->ctx); /* before the client whose keys it uses */
    stek_client_free(f->client);
    if (f->listener >= 0) {
        (void)close(f->listener);
    }
}

static void spawn(struct frontend *f, size_t slot)
{
    pid_t pid = fork();

    if (pid == 0) {
        /* No worker outlives its parent; SIGTERM stays blocked and is read from `signals`. */
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        int signals = signals_of_worker();
        int status = signals >= 0 ? work(f, signals) : 1;
        teardown(f);
        exit(status);
    }
    f->workers[slot].pid = pid > 0 ? pid : 0;
    f->workers[slot].started_ms = frontend_now_ms();
}

static void keep_workers(struct frontend *f)
{
    for (size_t i = 0; i < f->settings.workers; i++) {
        if (f->workers[i].pid == 0 && frontend_now_ms() - f->workers[i].started_ms >= RESPAWN_MS) {
            spawn(f, i);
        }
    }
}

static void reap(struct frontend *f)
{
    int status = 0;

    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        for (size_t i = 0; i < f->settings.workers; i++) {
            if (f->workers[i].pid == pid) {
                f->workers[i].pid = 0;
                (void)fprintf(stderr, "tls_frontend: worker %d ended (%s %d)\n", (int)pid,
                              WIFSIGNALED(status) ? "signal" : "status",
                              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            }
        }
    }
}

static void stop_workers(struct frontend *f)
{
    for (size_t i = 0; i < f->settings.workers; i++) {
        if (f->workers[i].pid > 0) {
            (void)kill(f->workers[i].pid, SIGTERM);
        }
    }
    for (size_t i = 0; i < f->settings.workers; i++) {
        if (f->workers[i].pid > 0) {
            (void)waitpid(f->workers[i].pid, NULL, 0);
        }
    }
}

static void write_status(struct frontend *f)
{
    const char *path = f->settings.status_file;

    if (path != NULL && !frontend_status_write(f->client, f->settings.realm, path)) {
        (void)fprintf(stderr, "tls_frontend: %s could not be written\n", path);
    }
}

static void run(struct frontend *f)
{
    const struct timespec tick = {.tv_nsec = 200000000};
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGCHLD);
    (void)sigaddset(&mask, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that went away is an error of SSL_write() */
    for (size_t i = 0; i < f->settings.workers; i++) {
        f->workers[i].started_ms = -RESPAWN_MS;
    }
    for (;;) {
        keep_workers(f);
        int signal_number = sigtimedwait(&mask, NULL, &tick);
        if (signal_number == SIGTERM || signal_number == SIGINT) {
            break;
        }
        if (signal_number == SIGUSR1) {
            write_status(f);
        }
        reap(f);
    }
    stop_workers(f);
}

/* --- setting up -------------------------------------------------------------------------------
 */

static void on_log(void *arg, enum stek_log_level level, const char *message)
{
    static const char *const levels[] = {"error", "warning", "info"};

    (void)arg;
    (void)fprintf(stderr, "tls_frontend: %d: %s: %s\n", (int)getpid(), levels[level], message);
}

static bool make_client(struct frontend *f)
{
    const struct settings *s = &f->settings;
    struct stek_options *options = stek_options_new();
    bool ok = options != NULL && stek_options_add_realm(options, s->realm) == STEK_OK &&
              stek_options_set_name(options, s->name) == STEK_OK;

    for (size_t i = 0; ok && i < s->endpoint_count; i++) {
        ok = stek_options_add_endpoint(options, s->endpoints[i]) == STEK_OK;
    }
    if (ok && s->stek_ca != NULL) {
        ok = stek_options_set_tls(options, s->stek_ca, s->stek_cert, s->stek_key) == STEK_OK;
    }
    if (ok) {
        stek_options_set_log(options, on_log, NULL);
        ok = stek_client_new(options, &f->client) == STEK_OK;
    }
    if (!ok) {
        (void)fprintf(stderr, "tls_frontend: %s\n",
                      options != NULL ? stek_options_error(options) : "out of memory");
    }
    stek_options_free(options);
    return ok;
}

static bool make_ctx(struct frontend *f)
{
    const struct settings *s = &f->settings;

    f->ctx = SSL_CTX_new(TLS_server_method());
    if (f->ctx == NULL || SSL_CTX_set_min_proto_version(f->ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate_chain_file(f->ctx, s->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(f->ctx, s->key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        return false;
    }
    (void)SSL_CTX_set_session_cache_mode(f->ctx, SSL_SESS_CACHE_OFF); /* tickets do it all */
    /* After everything that concerns client certificates. If it fails OpenSSL's own ticket keys,
     * which are never rotated, are still in place: do not serve. */
    enum stek_status status = stek_ssl_ctx_attach(f->client, f->ctx, s->realm, s->context);
    if (status != STEK_OK) {
        (void)fprintf(stderr, "tls_frontend: no session tickets: %s\n", stek_status_text(status));
    }
    return status == STEK_OK;
}

static bool make_listener(struct frontend *f)
{
    struct sockaddr_in at = f->settings.address;
    socklen_t at_len = sizeof(at);
    char host[INET_ADDRSTRLEN] = "";
    int one = 1;

    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (f->listener < 0 || bind(f->listener, (struct sockaddr *)&at, at_len) != 0 ||
        listen(f->listener, SOMAXCONN) != 0 ||
        getsockname(f->listener, (struct sockaddr *)&at, &at_len) != 0) {
        (void)fprintf(stderr, "tls_frontend: %s: %s\n", f->settings.listen, strerror(errno));
        return false;
    }
    (void)printf("tls_frontend: listening on %s:%d\n",
                 inet_ntop(AF_INET, &at.sin_addr, host, sizeof(host)), ntohs(at.sin_port));
    (void)fflush(stdout); /* before forking: what is buffered would be printed by every worker */
    return true;
}

static int usage(void)
{
    (void)fputs(
        "usage: tls_frontend --listen IPV4:PORT --cert FILE --key FILE --endpoint ENDPOINT...\n"
        "           [--realm web] [--context TEXT] [--name NAME] [--workers 2]\n"
        "           [--status-file FILE] [--stek-ca FILE --stek-cert FILE --stek-key FILE]\n"
        "Several --endpoint, each after its own flag: any one serves. --stek-*: for HOST:PORT.\n",
        stderr);
    return 2;
}

/* "127.0.0.1:0": port 0 takes a free one, which is printed. */
static bool parse_address(const char *text, struct sockaddr_in *at)
{
    char host[INET_ADDRSTRLEN] = "";
    const char *colon = strchr(text, ':');
    char *end = NULL;

    if (colon == NULL || colon[1] == '\0' || (size_t)(colon - text) >= sizeof(host)) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    unsigned long port = strtoul(colon + 1, &end, 10);
    at->sin_family = AF_INET;
    at->sin_port = htons((uint16_t)port);
    return *end == '\0' && port <= UINT16_MAX && inet_pton(AF_INET, host, &at->sin_addr) == 1;
}

static bool parse(int argc, char **argv, struct settings *s)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
                                          {"cert", required_argument, NULL, 'c'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"endpoint", required_argument, NULL, 'e'},
                                          {"realm", required_argument, NULL, 'r'},
                                          {"context", required_argument, NULL, 'x'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"status-file", required_argument, NULL, 's'},
                                          {"stek-ca", required_argument, NULL, 'A'},
                                          {"stek-cert", required_argument, NULL, 'C'},
                                          {"stek-key", required_argument, NULL, 'K'},
                                          {NULL, 0, NULL, 0}};
    const char **const texts[128] = {
        ['l'] = &s->listen,  ['c'] = &s->cert,         ['k'] = &s->key,        ['r'] = &s->realm,
        ['A'] = &s->stek_ca, ['C'] = &s->stek_cert,    ['K'] = &s->stek_key,   ['x'] = &s->context,
        ['n'] = &s->name,    ['w'] = &s->workers_text, ['s'] = &s->status_file};
    for (int found = getopt_long(argc, argv, "", known, NULL); found != -1;
         found = getopt_long(argc, argv, "", known, NULL)) {
        if (found == '?') {
            return false;
        }
        if (found != 'e') {
            *texts[found] = optarg;
        } else if (s->endpoint_count < ENDPOINTS_MAX) {
            s->endpoints[s->endpoint_count++] = optarg;
        } else {
            return false;
        }
    }
    char *end = NULL;
    s->workers = strtoul(s->workers_text, &end, 10);
    return optind == argc && *end == '\0' && s->workers >= 1 && s->workers <= WORKERS_MAX &&
           s->cert != NULL && s->key != NULL && s->endpoint_count > 0 && s->listen != NULL &&
           parse_address(s->listen, &s->address);
}

int main(int argc, char **argv)
{
    struct frontend f = {
        .listener = -1,
        .settings = {.realm = "web", .context = "", .name = "tls_frontend", .workers_text = "2"}};

    if (!parse(argc, argv, &f.settings)) {
        return usage();
    }
    bool ok = make_client(&f) && make_ctx(&f) && make_listener(&f);
    if (ok) {
        run(&f);
    }
    teardown(&f);
    return ok ? 0 : 1;
}
