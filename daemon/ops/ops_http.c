/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ops_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#define LINE_MAX_LEN 1024 /* of a request line */
#define PAUSE_S      1    /* without descriptors, accepting is tried again after this */
#define PLAIN_TEXT   "text/plain; charset=utf-8"

struct connection {
    struct ops_http *http; /* borrowed */
    struct connection *next;
    struct connection *previous;
    struct bufferevent *bev; /* owned, with its socket */
    struct event *deadline;  /* owned */
    bool is_answered;        /* what comes now is thrown away until the peer has read the answer */
};

struct ops_http {
    struct ops_http_options options;
    struct evconnlistener *listener;
    struct event *pause; /* ends a pause of accepting */
    struct connection *first;
    uint32_t count;
    uint64_t counts[OPS_HTTP_RESULTS];
    uint16_t port;
};

/* ---- how connections end ---- */

enum result {
    OK,
    UNAVAILABLE,
    BAD_REQUEST,
    BAD_METHOD,
    NOT_FOUND,
    TOO_LARGE,
    NO_MEMORY,
    TIMED_OUT, /* this and what follows: without an answer */
    LEFT,
    REFUSED,
};
_Static_assert(REFUSED + 1 == OPS_HTTP_RESULTS, "all are counted");

static const struct {
    int status;
    const char *reason;
    const char *label;
} results[OPS_HTTP_RESULTS] = {
    [OK] = {200, "OK", "ok"},
    [UNAVAILABLE] = {503, "Service Unavailable", "unavailable"},
    [BAD_REQUEST] = {400, "Bad Request", "bad_request"},
    [BAD_METHOD] = {405, "Method Not Allowed", "bad_method"},
    [NOT_FOUND] = {404, "Not Found", "not_found"},
    [TOO_LARGE] = {431, "Request Header Fields Too Large", "too_large"},
    [NO_MEMORY] = {500, "Internal Server Error", "no_memory"},
    [TIMED_OUT] = {0, NULL, "timed_out"},
    [LEFT] = {0, NULL, "left"},
    [REFUSED] = {0, NULL, "refused"},
};

static size_t result_of(int status)
{
    for (size_t i = 0; i < TIMED_OUT; i++) {
        if (results[i].status == status) {
            return i;
        }
    }
    return BAD_REQUEST;
}

size_t ops_http_counts(const struct ops_http *http, struct metrics_count out[OPS_HTTP_RESULTS])
{
    for (size_t i = 0; i < OPS_HTTP_RESULTS; i++) {
        out[i] = (struct metrics_count){results[i].label, http->counts[i]};
    }
    return OPS_HTTP_RESULTS;
}

/* ---- answers ---- */

struct answer {
    int status;
    const char *type;
    const char *body;
    size_t len;
};

static void send_answer(struct connection *connection, const struct answer *answer, bool has_body)
{
    struct evbuffer *out = bufferevent_get_output(connection->bev);

    const size_t result = result_of(answer->status);
    connection->is_answered = true;
    connection->http->counts[result]++;
    (void)evbuffer_add_printf(out,
                              "HTTP/1.1 %d %s\r\n"
                              "Content-Type: %s\r\n"
                              "Content-Length: %zu\r\n"
                              "%s"
                              "Cache-Control: no-store\r\n"
                              "X-Content-Type-Options: nosniff\r\n"
                              "Connection: close\r\n\r\n",
                              answer->status, results[result].reason, answer->type, answer->len,
                              answer->status == 405 ? "Allow: GET, HEAD\r\n" : "");
    if (has_body) {
        (void)evbuffer_add(out, answer->body, answer->len);
    }
}

static void send_text(struct connection *connection, int status, const char *text, bool has_body)
{
    const struct answer answer = {
        .status = status, .type = PLAIN_TEXT, .body = text, .len = strlen(text)};

    send_answer(connection, &answer, has_body);
}

static void send_metrics(struct connection *connection, bool has_body)
{
    const struct ops_http_options *options = &connection->http->options;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (to != NULL) {
        options->print_metrics(options->ctx, to);
    }
    if (to == NULL || fclose(to) != 0) {
        send_text(connection, 500, "out of memory\n", has_body);
    } else {
        const struct answer answer = {
            .status = 200, .type = METRICS_CONTENT_TYPE, .body = text, .len = len};
        send_answer(connection, &answer, has_body);
    }
    free(text);
}

static void send_readiness(struct connection *connection, bool has_body)
{
    const struct ops_http_options *options = &connection->http->options;
    char why[256] = "";
    char text[sizeof(why) + 16];

    bool is_ready = options->is_ready(options->ctx, why, sizeof(why));
    (void)snprintf(text, sizeof(text), "%s%s\n",
                   is_ready ? "ready" : "not ready: ", is_ready ? "" : why);
    send_text(connection, is_ready ? 200 : 503, text, has_body);
}

/* ---- requests ---- */

/* Splits "METHOD SP target SP HTTP/1.x" in place; false: it is not of that form. */
static bool split_line(char *line, char **out_method, char **out_path)
{
    char *path = strchr(line, ' ');
    char *version = path == NULL ? NULL : strchr(path + 1, ' ');

    if (version == NULL || path == line || path[1] != '/' ||
        strncmp(version + 1, "HTTP/1.", 7) != 0 || strlen(version + 1) != 8) {
        return false;
    }
    *path++ = '\0';
    *version = '\0';
    path[strcspn(path, "?#")] = '\0';
    *out_method = line;
    *out_path = path;
    return true;
}

static void answer_path(struct connection *connection, const char *path, bool has_body)
{
    if (strcmp(path, "/metrics") == 0) {
        send_metrics(connection, has_body);
    } else if (strcmp(path, "/healthz") == 0) {
        send_text(connection, 200, "ok\n", has_body);
    } else if (strcmp(path, "/readyz") == 0) {
        send_readiness(connection, has_body);
    } else {
        send_text(connection, 404, "here are /metrics, /healthz and /readyz\n", has_body);
    }
}

static void answer_request(struct connection *connection, char *line)
{
    char *method = NULL;
    char *path = NULL;

    if (!split_line(line, &method, &path)) {
        send_text(connection, 400, "this is not an HTTP/1.1 request\n", true);
        return;
    }
    bool is_head = strcmp(method, "HEAD") == 0;
    if (!is_head && strcmp(method, "GET") != 0) {
        send_text(connection, 405, "GET and HEAD only\n", true);
        return;
    }
    answer_path(connection, path, !is_head);
}

/* Once the head of the request is complete, or cannot become so. */
static void look_at_input(struct connection *connection)
{
    struct evbuffer *in = bufferevent_get_input(connection->bev);
    const struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char line[LINE_MAX_LEN + 1];

    if (end.pos < 0 && evbuffer_get_length(in) < OPS_HTTP_HEADERS_MAX) {
        return;
    }
    const struct evbuffer_ptr line_end = evbuffer_search(in, "\r\n", 2, NULL);
    if (end.pos < 0 || end.pos + 4 > OPS_HTTP_HEADERS_MAX || line_end.pos > LINE_MAX_LEN) {
        send_text(connection, 431, "the request is too large\n", true);
        return;
    }
    (void)evbuffer_copyout(in, line, (size_t)line_end.pos);
    line[line_end.pos] = '\0';
    if (strlen(line) != (size_t)line_end.pos) {
        line[0] = '\0'; /* a NUL within: no request */
    }
    answer_request(connection, line);
}

/* ---- connections ---- */

static void close_connection(struct connection *connection)
{
    struct ops_http *http = connection->http;

    if (connection->previous != NULL) {
        connection->previous->next = connection->next;
    } else {
        http->first = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->previous = connection->previous;
    }
    http->count--;
    if (connection->deadline != NULL) {
        event_free(connection->deadline);
    }
    bufferevent_free(connection->bev);
    free(connection);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;

    (void)fd;
    (void)what;
    connection->http->counts[TIMED_OUT] += !connection->is_answered;
    close_connection(connection);
}

static void throw_input_away(struct connection *connection)
{
    struct evbuffer *in = bufferevent_get_input(connection->bev);

    (void)evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_input(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;

    (void)bev;
    if (!connection->is_answered) {
        look_at_input(connection);
    }
    if (connection->is_answered) {
        throw_input_away(connection);
    }
}

/* All is written. To close with input unread would be a reset, and might overtake the answer: the
 * peer closes first, or the deadline comes. */
static void on_written(struct bufferevent *bev, void *arg)
{
    const struct connection *connection = arg;

    if (connection->is_answered) {
        (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
    }
}

static void on_end(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;

    (void)bev;
    (void)what;
    connection->http->counts[LEFT] += !connection->is_answered;
    close_connection(connection);
}

static struct timeval time_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

/* `fd` moves to the connection, unless this fails. */
static enum err open_connection(struct ops_http *http, evutil_socket_t fd)
{
    const struct timeval timeout = time_of(http->options.timeout_ms);
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        return ERR_NOMEM;
    }
    connection->http = http;
    connection->deadline = evtimer_new(http->options.base, on_deadline, connection);
    connection->bev = bufferevent_socket_new(http->options.base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection->bev == NULL || connection->deadline == NULL ||
        evtimer_add(connection->deadline, &timeout) != 0) {
        if (connection->deadline != NULL) {
            event_free(connection->deadline);
        }
        if (connection->bev != NULL) {
            (void)bufferevent_setfd(connection->bev, -1); /* the caller's still */
            bufferevent_free(connection->bev);
        }
        free(connection);
        return ERR_NOMEM;
    }
    connection->next = http->first;
    if (http->first != NULL) {
        http->first->previous = connection;
    }
    http->first = connection;
    http->count++;
    bufferevent_setcb(connection->bev, on_input, on_written, on_end, connection);
    bufferevent_setwatermark(connection->bev, EV_READ, 0, OPS_HTTP_HEADERS_MAX);
    /* Should this fail, the deadline ends it. */
    (void)bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
    return ERR_OK;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int len, void *arg)
{
    struct ops_http *http = arg;

    (void)listener;
    (void)from;
    (void)len;
    if (http->count >= OPS_HTTP_CONNECTIONS_MAX || open_connection(http, fd) != ERR_OK) {
        http->counts[REFUSED]++;
        (void)close(fd);
    }
}

/* Without descriptors the listener would stay readable, and the loop would do nothing else. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    const struct timeval pause = {.tv_sec = PAUSE_S};
    struct ops_http *http = arg;

    (void)evconnlistener_disable(listener);
    (void)evtimer_add(http->pause, &pause);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    const struct ops_http *http = arg;

    (void)fd;
    (void)what;
    (void)evconnlistener_enable(http->listener);
}

/* ---- begin and end ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_loopback(const char *text, uint16_t port, union address *out, int *out_len)
{
    union address address = {0};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        *out = address;
        *out_len = (int)sizeof(address.v4);
        return ntohl(address.v4.sin_addr.s_addr) >> 24 == 127;
    }
    address = (union address){0};
    if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        *out = address;
        *out_len = (int)sizeof(address.v6);
        return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
    }
    return false;
}

static enum err listen_on(struct ops_http *http, const union address *address, int len)
{
    union address bound = {0};
    socklen_t bound_len = sizeof(bound);

    http->listener =
        evconnlistener_new_bind(http->options.base, on_accept, http,
                                LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
                                OPS_HTTP_CONNECTIONS_MAX, &address->any, len);
    if (http->listener == NULL ||
        getsockname(evconnlistener_get_fd(http->listener), &bound.any, &bound_len) != 0) {
        return ERR_IO;
    }
    /* Both families have the port at the same place. */
    http->port = ntohs(bound.v4.sin_port);
    evconnlistener_set_error_cb(http->listener, on_accept_error);
    return ERR_OK;
}

enum err ops_http_new(const struct ops_http_options *options, struct ops_http **out_http,
                      struct errbuf *why)
{
    union address address = {0};
    int len = 0;

    if (!parse_loopback(options->address, options->port, &address, &len)) {
        errbuf_set(why, "http: %s is not a loopback address", options->address);
        return ERR_INVALID;
    }
    struct ops_http *http = calloc(1, sizeof(*http));
    if (http == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    http->options = *options;
    http->options.address = NULL;
    http->pause = evtimer_new(options->base, on_pause_over, http);
    enum err rc = http->pause == NULL ? ERR_NOMEM : listen_on(http, &address, len);
    if (rc != ERR_OK) {
        errbuf_set(why, "http: cannot listen on %s port %u: %s", options->address, options->port,
                   rc == ERR_IO ? strerror(errno) : err_text(rc));
        ops_http_free(http);
        return rc;
    }
    *out_http = http;
    return ERR_OK;
}

void ops_http_free(struct ops_http *http)
{
    if (http == NULL) {
        return;
    }
    for (struct connection *at = http->first, *next = NULL; at != NULL; at = next) {
        next = at->next;
        close_connection(at);
    }
    if (http->listener != NULL) {
        evconnlistener_free(http->listener);
    }
    if (http->pause != NULL) {
        event_free(http->pause);
    }
    free(http);
}

uint16_t ops_http_port(const struct ops_http *http)
{
    return http->port;
}
