/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ask.h"

#include <stdbool.h>
#include <string.h>

#include "base/secret.h"
#include "src/unary.h"
#include "wire/codec.h"
#include "wire/methods.h"

static struct unary_tls tls_of(const struct args *args)
{
    return (struct unary_tls){.ca = args->ca, .certificate = args->cert, .key = args->key};
}

/* What a connection's failure does not say: where, and what can be done about it. */
static void explain(const struct args *args, enum err rc, struct errbuf *why)
{
    const struct errbuf said = *why;
    const bool is_ours = rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT || rc == ERR_PROTOCOL;

    if (strncmp(said.text, "cannot connect to unix:", 23) == 0) {
        errbuf_set(why, "%.250s: %s", said.text,
                   rc == ERR_DENIED ? "the listener's mode says who may"
                                    : "is stekd running there? --server names another");
    } else if (is_ours && strstr(said.text, args->server) == NULL) {
        errbuf_set(why, "%.120s: %.250s", args->server, said.text);
    }
}

static enum err ask_within(const struct args *args, int64_t timeout_ms, const char *path,
                           const struct secret_buf *request, struct secret_buf *reply,
                           struct errbuf *why)
{
    const struct unary_request call = {
        .endpoint = args->server,
        .tls = tls_of(args),
        .path = path,
        .message = {.at = request->at, .len = request->len},
        .timeout_ms = (int)timeout_ms,
    };

    enum err rc = unary_call(&call, reply, why);
    if (rc != ERR_OK) {
        explain(args, rc, why);
    }
    return rc;
}

static enum err ask(const struct args *args, const char *path, const struct secret_buf *request,
                    struct secret_buf *reply, struct errbuf *why)
{
    return ask_within(args, args->timeout_ms, path, request, reply, why);
}

/* What the daemon tries again while its store does not answer: its own refusal says why, so we wait
 * for it. */
static enum err ask_act(const struct args *args, const char *path, const struct secret_buf *request,
                        struct secret_buf *reply, struct errbuf *why)
{
    const int64_t timeout_ms = args->has_timeout ? args->timeout_ms : ARGS_ACT_MS;

    enum err rc = ask_within(args, timeout_ms, path, request, reply, why);
    if (rc == ERR_TIMEOUT) {
        errbuf_prefix(why, "whether it is done is not known");
    }
    return rc;
}

enum err ask_check(const struct args *args, struct errbuf *why)
{
    const struct unary_tls tls = tls_of(args);

    const enum err rc = unary_check(args->server, &tls, why);
    if (rc != ERR_OK && strncmp(args->server, "unix:", 5) != 0 &&
        (tls.ca == NULL || tls.certificate == NULL || tls.key == NULL)) {
        errbuf_set(why, "server %s: HOST:PORT needs --ca FILE --cert FILE --key FILE",
                   args->server);
    }
    return rc;
}

static struct slice slice_of(const struct secret_buf *buf)
{
    return (struct slice){.at = buf->at, .len = buf->len};
}

/* A reply that does not decode is the daemon's fault, whatever the decoder calls it. */
static enum err judge_reply(enum err rc, struct errbuf *why)
{
    if (rc == ERR_OK || rc == ERR_NOMEM) {
        return rc;
    }
    errbuf_prefix(why, "the daemon's answer cannot be read");
    return ERR_PROTOCOL;
}

enum err ask_status(const struct args *args, struct wire_status *out, struct errbuf *why)
{
    struct secret_buf nothing = {0};
    struct secret_buf reply = {0};

    enum err rc = ask(args, METHOD_GET_STATUS, &nothing, &reply, why);
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_status(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&reply);
    return rc;
}

enum err ask_realms(const struct args *args, struct wire_status *out, struct errbuf *why)
{
    struct secret_buf nothing = {0};
    struct secret_buf reply = {0};

    enum err rc = ask(args, METHOD_LIST_REALMS, &nothing, &reply, why);
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_realms(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&reply);
    return rc;
}

enum err ask_keys(const struct args *args, const char *realm, struct wire_key_list *out,
                  struct errbuf *why)
{
    struct secret_buf request = {0};
    struct secret_buf reply = {0};

    enum err rc = wire_encode_list_keys(realm, &request);
    if (rc == ERR_OK) {
        rc = ask(args, METHOD_LIST_KEYS, &request, &reply, why);
    }
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_key_list(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&request);
    secret_buf_fini(&reply);
    return rc;
}

enum err ask_rotate(const struct args *args, const struct wire_rotate *request,
                    struct wire_rotated *out, struct errbuf *why)
{
    struct secret_buf message = {0};
    struct secret_buf reply = {0};

    enum err rc = wire_encode_rotate(request, &message);
    if (rc == ERR_OK) {
        rc = ask_act(args, METHOD_ROTATE, &message, &reply, why);
    }
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_rotated(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&message);
    secret_buf_fini(&reply);
    return rc;
}

enum err ask_revoke(const struct args *args, const struct wire_revoke *request,
                    struct wire_revoked *out, struct errbuf *why)
{
    struct secret_buf message = {0};
    struct secret_buf reply = {0};

    enum err rc = wire_encode_revoke(request, &message);
    if (rc == ERR_OK) {
        rc = ask(args, METHOD_REVOKE, &message, &reply, why);
    }
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_revoked(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&message);
    secret_buf_fini(&reply);
    return rc;
}

enum err ask_frontends(const struct args *args, const char *realm, struct wire_frontend_list *out,
                       struct errbuf *why)
{
    struct secret_buf message = {0};
    struct secret_buf reply = {0};

    enum err rc = wire_encode_list_frontends(realm, &message);
    if (rc == ERR_OK) {
        rc = ask(args, METHOD_LIST_FRONTENDS, &message, &reply, why);
    }
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_frontend_list(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&message);
    secret_buf_fini(&reply);
    return rc;
}

enum err ask_rekey(const struct args *args, const struct wire_rekey *request,
                   struct wire_rekeyed *out, struct errbuf *why)
{
    struct secret_buf message = {0};
    struct secret_buf reply = {0};

    enum err rc = wire_encode_rekey(request, &message);
    if (rc == ERR_OK) {
        rc = ask_act(args, METHOD_REKEY, &message, &reply, why);
    }
    if (rc == ERR_OK) {
        rc = judge_reply(wire_decode_rekeyed(slice_of(&reply), out, why), why);
    }
    secret_buf_fini(&message);
    secret_buf_fini(&reply);
    return rc;
}
