/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tests' own TLS client: nothing of libstek, only OpenSSL.
 *
 * Keeps a number of chains going. A chain makes a full handshake on one node, takes the ticket,
 * waits for an age uniform in [0, 0.95 * the ticket's own hint], and offers it to another node. If
 * the node opens it (SSL_session_reused), a new ticket from that connection carries the chain on.
 * At the end one JSON object on standard output says what the client saw; the caller compares it
 * with what the frontends counted.
 *
 * Lines on standard input, each answered by the same line on standard output once it is obeyed:
 *   doubt NODE        the node is about to be killed: what fails there is counted apart, and the
 *                     ticket is offered to another
 *   trust NODE PORT   it is there again, maybe on another port
 *   end               stop before SECONDS have passed
 *
 * Exit: 0 the run took place (the caller judges the figures), 2 usage, 1 the run itself broke.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define NODES_MAX    16
#define CHAINS_MAX   4096
#define NAMES_MAX    65536
#define NAME_LEN     16
#define IO_TIMEOUT_S 5
#define REPORTS_MAX  20
#define COMMAND_MAX  64

enum version { V12, V13, VERSIONS };

struct chain {
    SSL_SESSION *ticket; /* owned; NULL: the next step is a full handshake */
    size_t issuer;
    enum version version;
    int64_t got_ms;  /* no later than its issue: when the connection that brought it began */
    int64_t hint_ms; /* its own lifetime hint */
    int64_t due_ms;  /* when to take the next step */
};

struct tally {
    uint64_t connections;
    uint64_t full;
    uint64_t failures;  /* handshakes that did not complete: must be 0 */
    uint64_t no_ticket; /* full handshakes that brought none */
    uint64_t offers[VERSIONS];
    uint64_t resumed[VERSIONS];
    uint64_t refused[VERSIONS]; /* offered inside its lifetime, not opened: must be 0 */
    uint64_t late;              /* perhaps offered after its lifetime, through our own slowness */
    uint64_t late_refused;
    uint64_t cut;              /* connections that a doubted node did not serve to the end */
    uint64_t doubtful_refused; /* tickets that a doubted node did not open */
    uint64_t reports;
};

struct load {
    SSL_CTX *ctx;
    uint16_t port[NODES_MAX];
    bool is_doubted[NODES_MAX];
    size_t nodes;
    struct chain chains[CHAINS_MAX];
    size_t chain_count;
    struct tally tally;
    uint64_t seed;
    SSL_SESSION *newest; /* owned; what the last connection was given */
    uint8_t (*names)[NAME_LEN];
    size_t name_count;
    int64_t start_ms;
    char command[COMMAND_MAX]; /* what has been read of the next one */
    size_t command_len;
    bool is_commanded; /* standard input is open */
    bool is_ending;
};

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* splitmix64: a seed repeats a run as far as the network lets it. */
static uint64_t next_random(struct load *load)
{
    uint64_t z = (load->seed += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static int64_t random_below(struct load *load, int64_t limit)
{
    return limit <= 0 ? 0 : (int64_t)(next_random(load) % (uint64_t)limit);
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct load *load = SSL_get_app_data(ssl);
    SSL_SESSION_free(load->newest);
    load->newest = session;
    return 1; /* we keep the reference */
}

static void note_name(struct load *load, SSL_SESSION *session)
{
    const unsigned char *ticket = NULL;
    size_t len = 0;

    SSL_SESSION_get0_ticket(session, &ticket, &len);
    if (len < NAME_LEN) {
        return;
    }
    for (size_t i = load->name_count; i > 0; i--) {
        if (memcmp(load->names[i - 1], ticket, NAME_LEN) == 0) {
            return;
        }
    }
    if (load->name_count < NAMES_MAX) {
        memcpy(load->names[load->name_count++], ticket, NAME_LEN);
    }
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = IO_TIMEOUT_S};
    int one = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    /* Without it a resumed TLS 1.2 handshake waits 40 ms for a delayed acknowledgement. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Asks for the page and reads to the end, so that TLS 1.3 tickets arrive. */
static bool talk(SSL *ssl)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char reply[4096];
    size_t total = 0;

    if (SSL_write(ssl, request, (int)sizeof(request) - 1) <= 0) {
        return false;
    }
    for (;;) {
        int got = SSL_read(ssl, reply, sizeof(reply));
        if (got > 0) {
            total += (size_t)got;
            continue;
        }
        (void)SSL_shutdown(ssl);
        return total > 0 && SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN;
    }
}

static void report(struct load *load, const struct chain *chain, size_t node, const char *what)
{
    char reason[160];

    if (load->tally.reports++ >= REPORTS_MAX) {
        return;
    }
    ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
    (void)fprintf(stderr,
                  "tls_load: at %" PRId64 " ms: %s: TLS 1.%d, issuer %zu, node %zu, age %" PRId64
                  " of %" PRId64 " ms, errno %s, %s\n",
                  now_ms() - load->start_ms, what, chain->version == V12 ? 2 : 3, chain->issuer,
                  node, chain->ticket != NULL ? now_ms() - chain->got_ms : 0, chain->hint_ms,
                  strerror(errno), reason);
}

/* One connection. True: the handshake and the exchange completed; *out_resumed says how. */
static bool connect_once(struct load *load, const struct chain *chain, size_t node,
                         bool *out_resumed)
{
    bool ok = false;
    SSL *ssl = NULL;
    SSL_SESSION *offered = NULL;

    SSL_SESSION_free(load->newest);
    load->newest = NULL;
    ERR_clear_error();
    errno = 0;
    load->tally.connections++;
    int fd = dial(load->port[node]);
    if (fd < 0) {
        goto out;
    }
    ssl = SSL_new(load->ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        goto out;
    }
    int version = chain->version == V12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    (void)SSL_set_min_proto_version(ssl, version);
    (void)SSL_set_max_proto_version(ssl, version);
    (void)SSL_set_app_data(ssl, load);
    if (chain->ticket != NULL) {
        /* A copy: libssl never again offers a session whose connection has broken. */
        offered = SSL_SESSION_dup(chain->ticket);
        if (offered == NULL || SSL_set_session(ssl, offered) != 1) {
            goto out;
        }
    }
    if (SSL_connect(ssl) != 1) {
        goto out;
    }
    *out_resumed = SSL_session_reused(ssl) == 1;
    ok = talk(ssl);

out:
    if (!ok && load->is_doubted[node]) {
        load->tally.cut++;
    } else if (!ok) {
        load->tally.failures++;
        report(load, chain, node, "failed handshake");
    }
    SSL_free(ssl);
    SSL_SESSION_free(offered);
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

static void count_offer(struct load *load, struct chain *chain, size_t node, int64_t age_ms,
                        bool resumed)
{
    struct tally *t = &load->tally;

    t->offers[chain->version]++;
    bool is_late = age_ms > chain->hint_ms;
    t->late += is_late ? 1 : 0;
    if (resumed) {
        t->resumed[chain->version]++;
    } else if (is_late) {
        t->late_refused++;
    } else if (load->is_doubted[node]) {
        t->doubtful_refused++;
    } else {
        t->refused[chain->version]++;
        report(load, chain, node, "ticket refused inside its lifetime");
    }
}

/* Takes the newest ticket for the chain's next step, or leaves it to begin anew. */
static void carry_on(struct load *load, struct chain *chain, size_t node, bool resumed,
                     int64_t began_ms)
{
    SSL_SESSION_free(chain->ticket);
    chain->ticket = NULL;
    chain->due_ms = now_ms();
    if (load->newest == NULL || !SSL_SESSION_has_ticket(load->newest)) {
        /* A resumed TLS 1.2 connection need not renew. A full handshake without a ticket means that
         * nothing is being issued: do not spin. */
        load->tally.no_ticket += resumed ? 0 : 1;
        chain->due_ms += resumed ? 0 : 100;
        return;
    }
    note_name(load, load->newest);
    chain->hint_ms = (int64_t)SSL_SESSION_get_ticket_lifetime_hint(load->newest) * 1000;
    if (chain->hint_ms == 0) {
        return; /* a renewed TLS 1.2 ticket carries no hint: begin anew */
    }
    chain->ticket = load->newest;
    load->newest = NULL;
    chain->issuer = node;
    chain->got_ms = began_ms;
    chain->due_ms = began_ms + random_below(load, chain->hint_ms * 95 / 100 + 1);
}

static void step(struct load *load, struct chain *chain)
{
    bool resumed = false;
    int64_t began_ms = now_ms();
    size_t node = (size_t)random_below(load, (int64_t)load->nodes);

    if (chain->ticket == NULL) {
        load->tally.full++;
        if (connect_once(load, chain, node, &resumed)) {
            carry_on(load, chain, node, false, began_ms);
        } else {
            chain->due_ms = now_ms() + 100;
        }
        return;
    }
    if (load->nodes > 1) { /* any node but the issuer */
        node = (chain->issuer + 1 + (size_t)random_below(load, (int64_t)load->nodes - 1)) %
               load->nodes;
    }
    bool ok = connect_once(load, chain, node, &resumed);
    if (ok) {
        /* From before its issue until after the answer: the age that the node saw was no greater.
         */
        count_offer(load, chain, node, now_ms() - chain->got_ms, resumed);
        carry_on(load, chain, node, resumed, began_ms);
    } else {
        if (!load->is_doubted[node]) {
            SSL_SESSION_free(chain->ticket);
            chain->ticket = NULL;
        }
        chain->due_ms = now_ms() + 100;
    }
}

static struct chain *earliest(struct load *load)
{
    struct chain *first = &load->chains[0];

    for (size_t i = 1; i < load->chain_count; i++) {
        if (load->chains[i].due_ms < first->due_ms) {
            first = &load->chains[i];
        }
    }
    return first;
}

/* A number and what follows it; `limit` for what is none. */
static unsigned long parse_number(const char **at, unsigned long limit)
{
    char *end = NULL;

    errno = 0;
    unsigned long value = strtoul(*at, &end, 10);
    bool is_good = errno == 0 && end != *at && value < limit;
    *at = end;
    return is_good ? value : limit;
}

/* False: not a command. */
static bool obey(struct load *load, const char *command)
{
    const char *at = command + strlen("doubt"); /* or "trust" */
    bool is_doubt = strncmp(command, "doubt ", 6) == 0;

    if (strcmp(command, "end") == 0) {
        load->is_ending = true;
        return true;
    }
    if (!is_doubt && strncmp(command, "trust ", 6) != 0) {
        return false;
    }
    size_t node = parse_number(&at, load->nodes);
    unsigned long port = is_doubt ? 0 : parse_number(&at, UINT16_MAX + 1UL);
    if (node == load->nodes || port > UINT16_MAX || *at != '\0') {
        return false;
    }
    load->is_doubted[node] = is_doubt;
    load->port[node] = is_doubt ? load->port[node] : (uint16_t)port;
    return true;
}

static void read_commands(struct load *load)
{
    char *at = load->command + load->command_len;
    ssize_t got = read(STDIN_FILENO, at, sizeof(load->command) - load->command_len - 1);

    if (got <= 0) {
        load->is_commanded = false;
        return;
    }
    load->command_len += (size_t)got;
    for (;;) {
        char *end = memchr(load->command, '\n', load->command_len);
        if (end == NULL) {
            return;
        }
        *end = '\0';
        (void)printf("%s%s\n", obey(load, load->command) ? "" : "not a command: ", load->command);
        (void)fflush(stdout);
        load->command_len -= (size_t)(end + 1 - load->command);
        memmove(load->command, end + 1, load->command_len);
    }
}

/* Obeys what is commanded meanwhile. The waiting paces the load; nothing is synchronised by it. */
static void wait_until(struct load *load, int64_t due_ms)
{
    for (;;) {
        int64_t left = due_ms - now_ms();
        struct pollfd input = {.fd = load->is_commanded ? STDIN_FILENO : -1, .events = POLLIN};
        int ready = poll(&input, 1, left > 0 ? (int)left : 0);
        if (ready > 0) {
            read_commands(load);
        }
        if (load->is_ending || (ready <= 0 && left <= 0)) {
            return;
        }
    }
}

static void run(struct load *load, int64_t seconds)
{
    load->start_ms = now_ms();
    int64_t end_ms = load->start_ms + seconds * 1000;

    /* Beginnings are spread over one second, so that the chains do not march in step. */
    for (size_t i = 0; i < load->chain_count; i++) {
        load->chains[i].version = i % 2 == 0 ? V12 : V13;
        load->chains[i].due_ms = load->start_ms + random_below(load, 1000);
    }
    for (;;) {
        struct chain *chain = earliest(load);
        if (chain->due_ms >= end_ms || now_ms() >= end_ms) {
            return;
        }
        wait_until(load, chain->due_ms);
        if (load->is_ending) {
            return;
        }
        step(load, chain);
    }
}

static void print_result(const struct load *load)
{
    const struct tally *t = &load->tally;

    (void)printf("{\"connections\": %" PRIu64 ", \"full\": %" PRIu64 ", \"failures\": %" PRIu64
                 ", \"no_ticket\": %" PRIu64 ", \"offers_tls12\": %" PRIu64
                 ", \"offers_tls13\": %" PRIu64 ", \"resumed_tls12\": %" PRIu64
                 ", \"resumed_tls13\": %" PRIu64 ", \"refused_tls12\": %" PRIu64
                 ", \"refused_tls13\": %" PRIu64 ", \"late\": %" PRIu64
                 ", \"late_refused\": %" PRIu64 ", \"cut\": %" PRIu64
                 ", \"doubtful_refused\": %" PRIu64 ", \"key_names\": %zu}\n",
                 t->connections, t->full, t->failures, t->no_ticket, t->offers[V12], t->offers[V13],
                 t->resumed[V12], t->resumed[V13], t->refused[V12], t->refused[V13], t->late,
                 t->late_refused, t->cut, t->doubtful_refused, load->name_count);
}

static bool parse_ports(struct load *load, const char *list)
{
    const char *at = list;

    while (load->nodes < NODES_MAX) {
        char *end = NULL;
        errno = 0;
        unsigned long port = strtoul(at, &end, 10);
        if (errno != 0 || end == at || port == 0 || port > 65535) {
            return false;
        }
        load->port[load->nodes++] = (uint16_t)port;
        if (*end == '\0') {
            return true;
        }
        if (*end != ',') {
            return false;
        }
        at = end + 1;
    }
    return false;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: tls_load PORT,PORT,... CHAINS SECONDS SEED\n");
    return 2;
}

int main(int argc, char **argv)
{
    int rc = 1;

    if (argc != 5) {
        return usage();
    }
    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL) {
        return 1;
    }
    load->names = calloc(NAMES_MAX, NAME_LEN);
    load->chain_count = (size_t)strtoul(argv[2], NULL, 10);
    int64_t seconds = strtoll(argv[3], NULL, 10);
    load->seed = strtoull(argv[4], NULL, 10);
    if (!parse_ports(load, argv[1]) || load->chain_count == 0 || load->chain_count > CHAINS_MAX ||
        seconds <= 0) {
        rc = usage();
        goto out;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    load->is_commanded = true;
    load->ctx = SSL_CTX_new(TLS_client_method());
    if (load->ctx == NULL || load->names == NULL) {
        goto out;
    }
    (void)SSL_CTX_set_session_cache_mode(load->ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(load->ctx, on_new_session);
    run(load, seconds);
    print_result(load);
    rc = 0;

out:
    for (size_t i = 0; i < load->chain_count && i < CHAINS_MAX; i++) {
        SSL_SESSION_free(load->chains[i].ticket);
    }
    SSL_SESSION_free(load->newest);
    SSL_CTX_free(load->ctx);
    free(load->names);
    free(load);
    return rc;
}
