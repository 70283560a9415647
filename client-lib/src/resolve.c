/* SPDX-License-Identifier: Apache-2.0 */
#include "src/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "src/endpoint.h"

#define STACK_SIZE ((size_t)512 * 1024)
#define STALE_MS   INT64_C(60000)

struct resolve {
    _Atomic int holders; /* who asked, and the thread; the last one frees */
    _Atomic bool is_done;
    char host[ENDPOINT_HOST_MAX + 1];
    uint16_t port;
    int64_t started_ms;
    int error; /* of getaddrinfo() */
    struct resolve_answer answer;
};

static void take_list(const struct addrinfo *list, struct resolve_answer *out)
{
    out->count = 0;
    for (const struct addrinfo *one = list; one != NULL && out->count < RESOLVE_MAX;
         one = one->ai_next) {
        if (one->ai_addrlen <= sizeof(out->at[0])) {
            memcpy(&out->at[out->count], one->ai_addr, one->ai_addrlen);
            out->len[out->count++] = one->ai_addrlen;
        }
    }
}

static int look_up(const char *host, uint16_t port, int flags, struct resolve_answer *out)
{
    const struct addrinfo wanted = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    const int error = getaddrinfo(host, service, &wanted, &list);
    if (error == 0) {
        take_list(list, out);
        freeaddrinfo(list);
    }
    return error;
}

enum err resolve_address(const char *host, uint16_t port, struct resolve_answer *out)
{
    return look_up(host, port, AI_NUMERICHOST, out) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

static void *run(void *arg)
{
    struct resolve *resolve = arg;
    (void)pthread_setname_np(pthread_self(), "stek-resolve");
    resolve->error = look_up(resolve->host, resolve->port, 0, &resolve->answer);
    atomic_store(&resolve->is_done, true);
    resolve_free(resolve);
    return NULL;
}

/* The new thread inherits the mask: the application's signals are never delivered to it. */
static int start_thread(struct resolve *resolve)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    int rc = pthread_attr_init(&attributes);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (rc == 0) {
        rc = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    }
    if (rc == 0) {
        rc = pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    if (rc == 0) {
        rc = pthread_create(&thread, &attributes, run, resolve);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return rc;
}

enum err resolve_start(const char *host, uint16_t port, int64_t now_ms,
                       struct resolve **out_resolve)
{
    struct resolve *resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL) {
        return ERR_NOMEM;
    }
    resolve->port = port;
    resolve->started_ms = now_ms;
    atomic_store(&resolve->holders, 2);
    const enum err rc = text_copy(resolve->host, sizeof(resolve->host), host);
    if (rc != ERR_OK || start_thread(resolve) != 0) {
        free(resolve);
        return rc != ERR_OK ? rc : ERR_IO;
    }
    *out_resolve = resolve;
    return ERR_OK;
}

bool resolve_is_stale(const struct resolve *resolve, int64_t now_ms)
{
    return now_ms - resolve->started_ms >= STALE_MS;
}

bool resolve_is_done(const struct resolve *resolve)
{
    return atomic_load(&resolve->is_done);
}

enum err resolve_get_answer(const struct resolve *resolve, struct resolve_answer *out,
                            struct errbuf *why)
{
    if (resolve->error != 0 || resolve->answer.count == 0) {
        errbuf_set(why, "cannot find the host %s: %s", resolve->host,
                   resolve->error != 0 ? gai_strerror(resolve->error) : "it has no address");
        return ERR_UNAVAILABLE;
    }
    *out = resolve->answer;
    return ERR_OK;
}

void resolve_free(struct resolve *resolve)
{
    if (resolve != NULL && atomic_fetch_sub(&resolve->holders, 1) == 1) {
        free(resolve);
    }
}
