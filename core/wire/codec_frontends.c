/* SPDX-License-Identifier: Apache-2.0 */
/* ListFrontends of the operator's service, and the frontends that Revoke names. */
#include <stdlib.h>
#include <string.h>

#include "stek/v1/admin.pb-c.h"
#include "wire/codec.h"
#include "wire/codec_internal.h"

/* More than all that is not text takes: 9 numbers, 2 truth values, a digest, 7 counters, tags. */
#define FRONTEND_FIXED_MAX ((size_t)320)

struct codec_frontend {
    Stek__V1__Frontend message;
    Stek__V1__Counters counters;
};

void wire_frontend_list_fini(struct wire_frontend_list *list)
{
    free(list->realms);
    free(list->frontends);
    *list = (struct wire_frontend_list){0};
}

size_t wire_frontend_size_max(const struct wire_frontend *frontend)
{
    return FRONTEND_FIXED_MAX + strlen(frontend->realm) + strlen(frontend->name) +
           strlen(frontend->identity) + strlen(frontend->library_version);
}

void codec_fill_counters(const struct wire_counters *from, Stek__V1__Counters *to)
{
    stek__v1__counters__init(to);
    to->issued = from->issued;
    to->decrypted = from->decrypted;
    to->renewed = from->renewed;
    to->unknown_key = from->unknown_key;
    to->refused_old = from->refused_old;
    to->no_key = from->no_key;
    to->policy_mismatch = from->policy_mismatch;
}

void codec_take_counters(struct wire_counters *to, const Stek__V1__Counters *from)
{
    *to = (struct wire_counters){0};
    if (from != NULL) {
        to->issued = from->issued;
        to->decrypted = from->decrypted;
        to->renewed = from->renewed;
        to->unknown_key = from->unknown_key;
        to->refused_old = from->refused_old;
        to->no_key = from->no_key;
        to->policy_mismatch = from->policy_mismatch;
    }
}

/* ---- a frontend ---- */

static void fill_frontend(const struct wire_frontend *from, struct codec_frontend *view)
{
    Stek__V1__Frontend *to = &view->message;

    stek__v1__frontend__init(to);
    codec_fill_counters(&from->counters, &view->counters);
    to->realm = codec_lend_text(from->realm);
    to->name = codec_lend_text(from->name);
    to->identity = codec_lend_text(from->identity);
    to->library_version = codec_lend_text(from->library_version);
    to->connected_at_ms = from->connected_at;
    to->left_at_ms = from->left_at;
    to->last_heard_ms = from->last_heard;
    to->as_of_ms = from->as_of;
    to->digest = codec_lend_bytes(from->digest, from->has_digest ? DIGEST_LEN : 0);
    to->installed_at_ms = from->installed_at;
    to->current = from->is_current;
    to->has_revocations = from->has_revocations;
    to->clock_skew_ms = from->clock_skew_ms;
    to->counters = &view->counters;
}

enum err codec_frontends_init(struct codec_frontends *view, const struct wire_frontend *frontends,
                              size_t count)
{
    view->views = calloc(count + 1, sizeof(*view->views));
    view->pointers = calloc(count + 1, sizeof(*view->pointers));
    if (view->views == NULL || view->pointers == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        fill_frontend(&frontends[i], &view->views[i]);
        view->pointers[i] = &view->views[i].message;
    }
    return ERR_OK;
}

void codec_frontends_fini(struct codec_frontends *view)
{
    free(view->views);
    free(view->pointers);
    *view = (struct codec_frontends){0};
}

static enum err take_frontend(struct wire_frontend *to, const Stek__V1__Frontend *from,
                              struct errbuf *why)
{
    to->connected_at = from->connected_at_ms;
    to->left_at = from->left_at_ms;
    to->last_heard = from->last_heard_ms;
    to->as_of = from->as_of_ms;
    to->installed_at = from->installed_at_ms;
    to->is_current = from->current != 0;
    to->has_revocations = from->has_revocations != 0;
    to->clock_skew_ms = from->clock_skew_ms;
    codec_take_counters(&to->counters, from->counters);
    enum err rc = codec_take_realm(to->realm, from->realm, why);
    if (rc == ERR_OK) {
        rc = codec_take_label(to->name, sizeof(to->name), from->name, "frontend", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_label(to->identity, sizeof(to->identity), from->identity, "identity", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_label(to->library_version, sizeof(to->library_version),
                              from->library_version, "library_version", why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_optional(to->digest, DIGEST_LEN, &from->digest, &to->has_digest, "digest",
                                 why);
    }
    return rc;
}

enum err codec_take_frontends(struct wire_frontend **out, Stek__V1__Frontend *const *from,
                              size_t count, struct errbuf *why)
{
    if (count > WIRE_FRONTENDS_MAX) {
        errbuf_set(why, "frontends: %zu, but %d is the most", count, WIRE_FRONTENDS_MAX);
        return ERR_INVALID;
    }
    struct wire_frontend *taken = calloc(count + 1, sizeof(*taken));
    if (taken == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = take_frontend(&taken[i], from[i], why);
    }
    if (rc == ERR_OK) {
        *out = taken; /* moves to the caller */
    } else {
        free(taken);
    }
    return rc;
}

/* ---- ListFrontends ---- */

enum err wire_encode_list_frontends(const char *realm, struct secret_buf *out)
{
    Stek__V1__ListFrontendsRequest message;

    stek__v1__list_frontends_request__init(&message);
    message.realm = codec_lend_text(realm);
    return codec_pack(&message.base, out);
}

enum err wire_decode_list_frontends(struct slice in, char realm[REALM_NAME_MAX + 1],
                                    struct errbuf *why)
{
    struct pb_arena arena = {0};
    ProtobufCMessage *base = NULL;

    enum err rc =
        codec_unpack(&stek__v1__list_frontends_request__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        const char *from = ((const Stek__V1__ListFrontendsRequest *)base)->realm;
        if (from[0] == '\0') {
            realm[0] = '\0';
        } else {
            rc = codec_take_realm(realm, from, why);
        }
    }
    pb_arena_fini(&arena);
    return rc;
}

struct realm_view {
    Stek__V1__RealmFrontends message;
    char why[WIRE_SENTENCE_MAX + 1];
};

static void fill_realm(const struct wire_realm_frontends *from, struct realm_view *view)
{
    Stek__V1__RealmFrontends *to = &view->message;

    stek__v1__realm_frontends__init(to);
    codec_copy_sentence(view->why, sizeof(view->why), from->not_stored_why);
    to->realm = codec_lend_text(from->realm);
    to->ready = from->ready;
    to->digest = codec_lend_bytes(from->digest, DIGEST_LEN);
    to->stored = from->is_stored;
    to->not_stored_why = view->why;
    to->connected = from->connected;
    to->current = from->current;
    to->gone = from->gone;
    to->confirmed = from->confirmed;
    to->lost = from->lost;
}

static enum err pack_list(const struct wire_frontend_list *in, struct realm_view *views,
                          Stek__V1__RealmFrontends **pointers, struct secret_buf *out)
{
    Stek__V1__ListFrontendsResponse message;
    Stek__V1__Moment moment;
    struct codec_frontends frontends = {0};

    stek__v1__list_frontends_response__init(&message);
    for (size_t i = 0; i < in->realm_count; i++) {
        fill_realm(&in->realms[i], &views[i]);
        pointers[i] = &views[i].message;
    }
    codec_fill_moment(&in->moment, &moment);
    enum err rc = codec_frontends_init(&frontends, in->frontends, in->count);
    if (rc == ERR_OK) {
        message.realms = pointers;
        message.n_realms = in->realm_count;
        message.frontends = frontends.pointers;
        message.n_frontends = in->count;
        message.omitted = in->omitted;
        message.moment = &moment;
        rc = codec_pack(&message.base, out);
    }
    codec_frontends_fini(&frontends);
    return rc;
}

enum err wire_encode_frontend_list(const struct wire_frontend_list *in, struct secret_buf *out)
{
    enum err rc = ERR_NOMEM;

    struct realm_view *views = calloc(in->realm_count + 1, sizeof(*views));
    Stek__V1__RealmFrontends **pointers = calloc(in->realm_count + 1, sizeof(*pointers));
    if (views != NULL && pointers != NULL) {
        rc = pack_list(in, views, pointers, out);
    }
    free(views);
    free(pointers);
    return rc;
}

static enum err take_realm(struct wire_realm_frontends *to, const Stek__V1__RealmFrontends *from,
                           struct errbuf *why)
{
    to->ready = from->ready != 0;
    to->is_stored = from->stored != 0;
    to->connected = from->connected;
    to->current = from->current;
    to->gone = from->gone;
    to->confirmed = from->confirmed;
    to->lost = from->lost;
    codec_copy_sentence(to->not_stored_why, sizeof(to->not_stored_why), from->not_stored_why);
    const enum err rc = codec_take_realm(to->realm, from->realm, why);
    return rc == ERR_OK ? codec_take_bytes(to->digest, DIGEST_LEN, &from->digest, "digest", why)
                        : rc;
}

/* On failure what was allocated is in `list` all the same. */
static enum err take_list(struct wire_frontend_list *list,
                          const Stek__V1__ListFrontendsResponse *from, struct errbuf *why)
{
    if (from->n_realms > WIRE_REALMS_MAX) {
        errbuf_set(why, "realms: %zu, but %d is the most", from->n_realms, WIRE_REALMS_MAX);
        return ERR_INVALID;
    }
    list->omitted = from->omitted;
    list->realms = calloc(from->n_realms + 1, sizeof(*list->realms));
    if (list->realms == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = codec_take_moment(&list->moment, from->moment, why);
    for (; rc == ERR_OK && list->realm_count < from->n_realms; list->realm_count++) {
        rc = take_realm(&list->realms[list->realm_count], from->realms[list->realm_count], why);
    }
    if (rc == ERR_OK) {
        rc = codec_take_frontends(&list->frontends, from->frontends, from->n_frontends, why);
    }
    if (rc == ERR_OK) {
        list->count = from->n_frontends;
    }
    return rc;
}

enum err wire_decode_frontend_list(struct slice in, struct wire_frontend_list *out,
                                   struct errbuf *why)
{
    struct pb_arena arena = {0};
    struct wire_frontend_list list = {0};
    ProtobufCMessage *base = NULL;

    enum err rc =
        codec_unpack(&stek__v1__list_frontends_response__descriptor, in, &arena, &base, why);
    if (rc == ERR_OK) {
        rc = take_list(&list, (const Stek__V1__ListFrontendsResponse *)base, why);
    }
    if (rc == ERR_OK) {
        *out = list;
    } else {
        wire_frontend_list_fini(&list);
    }
    pb_arena_fini(&arena);
    return rc;
}
