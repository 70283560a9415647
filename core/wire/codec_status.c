/* SPDX-License-Identifier: Apache-2.0 */
/* GetStatus and ListRealms: what a daemon says about itself. */
#include <assert.h>
#include <stdlib.h>

#include "stek/v1/admin.pb-c.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

void wire_status_fini(struct wire_status *status)
{
    free(status->realms);
    *status = (struct wire_status){0};
}

/* ---- encode ---- */

struct realm_view {
    Stek__V1__RealmStatus message;
    Stek__V1__Policy policy;
    char problem[WIRE_SENTENCE_MAX + 1];
};

struct realms_view {
    struct realm_view *views;         /* owned */
    Stek__V1__RealmStatus **pointers; /* owned */
    Stek__V1__Moment moment;
};

static void fill_realm(const struct wire_realm_status *from, struct realm_view *view)
{
    Stek__V1__RealmStatus *to = &view->message;

    stek__v1__realm_status__init(to);
    codec_fill_policy(&from->policy, &view->policy);
    codec_copy_sentence(view->problem, sizeof(view->problem), from->problem);
    to->realm = codec_lend_text(from->realm);
    to->ready = from->ready;
    to->digest = codec_lend_bytes(from->digest, DIGEST_LEN);
    to->revision = from->revision;
    to->keys = from->keys;
    to->tombstones = from->tombstones;
    to->active_name = codec_lend_bytes(from->active_name, from->has_active ? KEY_NAME_LEN : 0);
    to->active_since_ms = from->active_since_ms;
    to->next_active_ms = from->next_active_ms;
    to->watchers = from->watchers;
    to->watchers_current = from->watchers_current;
    to->as_of_ms = from->as_of_ms;
    to->policy = &view->policy;
    to->problem = view->problem;
}

static void realms_fini(struct realms_view *view)
{
    free(view->views);
    free(view->pointers);
    *view = (struct realms_view){0};
}

/* On failure what was allocated is in `view` all the same. */
static enum err realms_init(struct realms_view *view, const struct wire_status *in)
{
    if (in->realm_count > WIRE_REALMS_MAX) {
        return ERR_LIMIT;
    }
    view->views = calloc(in->realm_count + 1, sizeof(*view->views));
    view->pointers = calloc(in->realm_count + 1, sizeof(*view->pointers));
    if (view->views == NULL || view->pointers == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < in->realm_count; i++) {
        fill_realm(&in->realms[i], &view->views[i]);
        view->pointers[i] = &view->views[i].message;
    }
    codec_fill_moment(&in->moment, &view->moment);
    return ERR_OK;
}

static enum err pack_status(const struct wire_status *in, struct realms_view *realms,
                            struct secret_buf *out)
{
    Stek__V1__GetStatusResponse message;
    Stek__V1__StoreStatus store;
    char last_error[WIRE_SENTENCE_MAX + 1];
    char problems[WIRE_PROBLEMS_MAX][WIRE_SENTENCE_MAX + 1];
    char *pointers[WIRE_PROBLEMS_MAX];

    stek__v1__get_status_response__init(&message);
    stek__v1__store_status__init(&store);
    assert(in->problem_count <= WIRE_PROBLEMS_MAX);
    for (size_t i = 0; i < in->problem_count; i++) {
        codec_copy_sentence(problems[i], sizeof(problems[i]), in->problems[i]);
        pointers[i] = problems[i];
    }
    codec_copy_sentence(last_error, sizeof(last_error), in->store.last_error);
    store.type = codec_lend_text(in->store.type);
    store.reachable = in->store.reachable;
    store.last_error = last_error;
    store.last_read_ms = in->store.last_read_ms;
    message.version = codec_lend_text(in->version);
    message.deployment = codec_lend_text(in->deployment);
    message.moment = &realms->moment;
    message.started_ms = in->started_ms;
    message.store = &store;
    message.realms = realms->pointers;
    message.n_realms = in->realm_count;
    message.connections = in->connections;
    message.problems = pointers;
    message.n_problems = in->problem_count;
    return codec_pack(&message.base, out);
}

enum err wire_encode_status(const struct wire_status *in, struct secret_buf *out)
{
    struct realms_view realms = {0};

    enum err rc = realms_init(&realms, in);
    if (rc == ERR_OK) {
        rc = pack_status(in, &realms, out);
    }
    realms_fini(&realms);
    return rc;
}

enum err wire_encode_realms(const struct wire_status *in, struct secret_buf *out)
{
    struct realms_view realms = {0};

    enum err rc = realms_init(&realms, in);
    if (rc == ERR_OK) {
        Stek__V1__ListRealmsResponse message;
        stek__v1__list_realms_response__init(&message);
        message.realms = realms.pointers;
        message.n_realms = in->realm_count;
        message.moment = &realms.moment;
        rc = codec_pack(&message.base, out);
    }
    realms_fini(&realms);
    return rc;
}

/* ---- decode ---- */

static enum err take_realm(struct wire_realm_status *to, const Stek__V1__RealmStatus *from,
                           struct errbuf *why)
{
    bool has_digest = false;

    to->ready = from->ready != 0;
    to->revision = from->revision;
    to->keys = from->keys;
    to->tombstones = from->tombstones;
    to->active_since_ms = from->active_since_ms;
    to->next_active_ms = from->next_active_ms;
    to->watchers = from->watchers;
    to->watchers_current = from->watchers_current;
    to->as_of_ms = from->as_of_ms;
    codec_copy_sentence(to->problem, sizeof(to->problem), from->problem);
    enum err rc = codec_take_realm(to->realm, from->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_optional(to->digest, DIGEST_LEN, &from->digest, &has_digest, "digest", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_optional(to->active_name, KEY_NAME_LEN, &from->active_name, &to->has_active,
                                 "active_name", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_policy(&to->policy, from->policy, why);
    }
    return rc;
}

/* On failure what was allocated is in `status` all the same. */
static enum err take_realms(struct wire_status *status, Stek__V1__RealmStatus *const *realms,
                            size_t count, struct errbuf *why)
{
    if (count > WIRE_REALMS_MAX) {
        errbuf_set(why, "realms: %zu, but %d is the most", count, WIRE_REALMS_MAX);
        return ERR_INVALID;
    }
    if (count == 0) {
        return ERR_OK;
    }
    status->realms = calloc(count, sizeof(*status->realms));
    if (status->realms == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = ERR_OK;
    for (; rc == ERR_OK && status->realm_count < count; status->realm_count++) {
        rc = take_realm(&status->realms[status->realm_count], realms[status->realm_count], why);
    }
    return rc;
}

static enum err take_store(struct wire_store_status *to, const Stek__V1__StoreStatus *from,
                           struct errbuf *why)
{
    const enum err rc = codec_need(from, "store", why);
    if (rc != ERR_OK) {
        return rc;
    }
    to->reachable = from->reachable != 0;
    to->last_read_ms = from->last_read_ms;
    codec_copy_sentence(to->last_error, sizeof(to->last_error), from->last_error);
    return codec_take_label(to->type, sizeof(to->type), from->type, "store type", why);
}

static enum err take_status(struct wire_status *status, const Stek__V1__GetStatusResponse *from,
                            struct errbuf *why)
{
    if (from->n_problems > WIRE_PROBLEMS_MAX) {
        errbuf_set(why, "problems: %zu, but %d is the most", from->n_problems, WIRE_PROBLEMS_MAX);
        return ERR_INVALID;
    }
    status->started_ms = from->started_ms;
    status->connections = from->connections;
    status->problem_count = from->n_problems;
    for (size_t i = 0; i < from->n_problems; i++) {
        codec_copy_sentence(status->problems[i], sizeof(status->problems[i]), from->problems[i]);
    }
    enum err rc =
        codec_take_label(status->version, sizeof(status->version), from->version, "version", why);
    if (rc == ERR_OK) {
        rc = codec_take_label(status->deployment, sizeof(status->deployment), from->deployment,
                              "deployment", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_moment(&status->moment, from->moment, why);
    }
    if (rc == ERR_OK) {
        rc = take_store(&status->store, from->store, why);
    }
    return rc == ERR_OK ? take_realms(status, from->realms, from->n_realms, why) : rc;
}

enum err wire_decode_status(struct slice in, struct wire_status *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_status status = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__get_status_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_status(&status, (const Stek__V1__GetStatusResponse *)base, why);
    }
    if (rc == ERR_OK) {
        *out = status;
    } else {
        wire_status_fini(&status);
    }
    pb_arena_fini(&arena);
    return rc;
}

enum err wire_decode_realms(struct slice in, struct wire_status *out, struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_status status = {0};
    ProtobufCMessage *base = NULL;

    enum err rc = codec_unpack(&stek__v1__list_realms_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        const Stek__V1__ListRealmsResponse *message = (const Stek__V1__ListRealmsResponse *)base;
        rc = codec_take_moment(&status.moment, message->moment, why);
        if (rc == ERR_OK) {
            rc = take_realms(&status, message->realms, message->n_realms, why);
        }
    }
    if (rc == ERR_OK) {
        *out = status;
    } else {
        wire_status_fini(&status);
    }
    pb_arena_fini(&arena);
    return rc;
}
