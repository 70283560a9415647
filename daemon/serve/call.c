/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/call.h"

#include <stdio.h>

#include "serve/call_private.h"

void *call_state(struct call *call)
{
    return call->state;
}

const struct services *call_services(const struct call *call)
{
    return call->set->options.services;
}

const struct peer *call_peer(const struct call *call)
{
    return call->set->options.peer;
}

static int64_t boot_now(const struct call *call)
{
    return clock_boot_ms(call_services(call)->clock);
}

void call_send(struct call *call, struct slice message)
{
    if (call->is_finished) {
        return;
    }
    enum err rc = h2_session_send(call->set->session, call->stream, message);
    if (rc != ERR_OK) {
        call_finish(call, rc, NULL);
        return;
    }
    call->set->options.on_output(call->set->options.ctx);
}

void call_reply(struct call *call, enum err encoded, struct secret_buf *message)
{
    if (encoded == ERR_OK) {
        call_send(call, (struct slice){message->at, message->len});
    }
    secret_buf_fini(message);
    call_finish(call, encoded, NULL);
}

void call_finish(struct call *call, enum err code, const char *why)
{
    if (call->is_finished) {
        return;
    }
    call->is_finished = true;
    call->wants_writable = false;
    call_set_count_end(call->set, call->method, code);
    if (why == NULL && code != ERR_OK) {
        why = err_text(code);
    }
    enum err rc =
        h2_session_finish(call->set->session, call->stream, grpc_status_from_err(code), why);
    /* ERR_NOT_FOUND: the client was faster, and on_closed is on its way. Without memory for
     * trailers the stream is reset as soon as may be. */
    call->limit = boot_now(call) + (rc == ERR_NOMEM ? 0 : CALL_LINGER_MS);
    call_set_wake_at(call->set, call->limit);
    call->set->options.on_output(call->set->options.ctx);
}

bool call_is_finished(const struct call *call)
{
    return call->is_finished;
}

size_t call_queued(const struct call *call)
{
    return h2_session_queued(call->set->session, call->stream);
}

void call_want_writable(struct call *call)
{
    if (!call->is_finished) {
        call->wants_writable = true;
        call->set->options.on_output(call->set->options.ctx);
    }
}

void call_limit(struct call *call, int64_t delay_ms, const char *why)
{
    if (!call->is_finished) {
        call->limit = boot_now(call) + delay_ms;
        call->limit_why = why;
        call_set_wake_at(call->set, call->limit);
    }
}

void call_limit_none(struct call *call)
{
    if (!call->is_finished) {
        call->limit = CALL_NO_LIMIT;
    }
}

bool call_may_log(const struct call *call, struct log_limit limits[2], int64_t *out_unlogged)
{
    bool is_named = authz_is_named(call_services(call)->rules, call_peer(call));

    return log_limit_allows(&limits[is_named], boot_now(call), out_unlogged);
}

/* A caller may be denied as often as it likes to ask; the log must not follow at that pace. */
static void log_denied(struct call *call, const char *why)
{
    const struct services *services = call_services(call);
    char who[PEER_TEXT_MAX];
    int64_t unlogged = 0;

    if (!call_may_log(call, services->lines->denied, &unlogged)) {
        return;
    }
    peer_format(call_peer(call), who);
    log_write(services->log, LOG_LEVEL_WARNING, "call-denied",
              LOG_FIELDS(log_string("peer", who), log_string("method", call->method->path),
                         log_string("why", why), log_int("unlogged", unlogged)));
}

bool call_authorize(struct call *call, enum authz_action action, const char *realm)
{
    const struct services *services = call_services(call);
    struct authz_verdict verdict = authz_decide(services->rules, call_peer(call), action, realm);
    struct errbuf why;

    if (verdict.is_allowed) {
        call->is_authorized = true;
        call->action = action;
        (void)snprintf(call->realm, sizeof(call->realm), "%s", realm == NULL ? "" : realm);
        return true;
    }
    authz_explain_denial(call_peer(call), action, realm, &why);
    services->stats->calls_denied++;
    log_denied(call, why.text);
    call_finish(call, ERR_DENIED, why.text);
    return false;
}

void call_deny(struct call *call, const char *why)
{
    if (call->is_finished) {
        return;
    }
    call_finish(call, ERR_DENIED, why);
    if (call->method->on_denied != NULL) {
        call->method->on_denied(call);
    }
}

bool call_recheck(struct call *call)
{
    const struct services *services = call_services(call);
    const char *realm = call->realm[0] == '\0' ? NULL : call->realm;
    struct errbuf why;

    if (call->is_finished || !call->is_authorized) {
        return true;
    }
    if (realm != NULL && !services_have_realm(services, realm)) {
        errbuf_set(&why, "realm \"%s\" is no longer in the configuration of stekd", realm);
    } else if (authz_decide(services->rules, call_peer(call), call->action, realm).is_allowed) {
        return true;
    } else {
        authz_explain_denial(call_peer(call), call->action, realm, &why);
    }
    log_denied(call, why.text);
    call_deny(call, why.text);
    return false;
}
