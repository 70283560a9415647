/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the seeds that are bytes and not text: fuzz_seeds FOLDER makes FOLDER/NAME/made-*, the
 * same in every run (the test fuzz/seeds compares them with tests/fuzz/corpus). The rest of a
 * corpus was written by hand, or found by a fuzzer.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "serve/router.h"
#include "store/seal.h"
#include "unit/keyring/fixture.h"
#include "unit/wire/samples.h"
#include "wire/codec.h"
#include "wire/grpc_frame.h"
#include "wire/h2_session.h"
#include "wire/methods.h"

struct folder {
    const char *path;
    size_t files;
};

static void put(struct folder *folder, const char *fuzzer, const char *name,
                const struct secret_buf *bytes)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, fuzzer);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof(path), "%s/%s/made-%s", folder->path, fuzzer, name);
    for (char *c = strrchr(path, '/'); *c != '\0'; c++) {
        *c = *c == ' ' ? '-' : *c;
    }
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes->at, 1, bytes->len, file) != bytes->len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    folder->files++;
}

static void add(struct secret_buf *buf, const void *bytes, size_t len)
{
    assert(len == 0 || secret_buf_append(buf, bytes, len) == ERR_OK);
}

/* Bytes given one by one. */
static void add_bytes(struct secret_buf *buf, size_t count, ...)
{
    va_list list;

    va_start(list, count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t byte = (uint8_t)va_arg(list, int);
        add(buf, &byte, 1);
    }
    va_end(list);
}

/* ---- wire: the selector of wire_fuzz.c, then a whole message ---- */

static void wire(struct folder *folder)
{
    static const struct {
        const char *name;
        uint8_t selector;
    } rows[] = {{"get reply", 0},
                {"snapshot", 1},
                {"heartbeat", 1},
                {"record", 2},
                {"get", 3},
                {"open", 4},
                {"ack", 4},
                {"status", 5},
                {"realms", 6},
                {"list keys", 7},
                {"key list", 8},
                {"rotate", 9},
                {"rotated", 10},
                {"revoke", 11},
                {"revoked", 12},
                {"list frontends", 13},
                {"frontend list", 14},
                {"rekey", 15},
                {"rekeyed", 16},
                {"health check", 17},
                {"health status", 18}};
    size_t written = 0;

    for (size_t i = 0; i < sample_kind_count; i++) {
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++) {
            struct secret_buf bytes = {0};
            if (strcmp(sample_kinds[i].name, rows[j].name) == 0) {
                add(&bytes, &rows[j].selector, 1);
                assert(sample_kinds[i].encode(&bytes) == ERR_OK);
                put(folder, "wire", rows[j].name, &bytes);
                written++;
            }
            secret_buf_fini(&bytes);
        }
    }
    assert(written == sizeof(rows) / sizeof(rows[0]));
}

static void grpc(struct folder *folder)
{
    static const uint8_t text[] = "two messages";
    struct secret_buf bytes = {0};

    add_bytes(&bytes, 1, 2);
    assert(grpc_frame_append(&bytes, (struct slice){text, sizeof(text) - 1}) == ERR_OK);
    assert(grpc_frame_append(&bytes, (struct slice){text, 3}) == ERR_OK);
    put(folder, "grpc", "two-messages", &bytes);
    secret_buf_fini(&bytes);
}

/* ---- h2: what one side says to the other, without the preface ---- */

struct talk {
    struct h2_session *client;
    struct h2_session *server;
    struct secret_buf up;
    struct secret_buf down;
};

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    (void)ctx;
    (void)stream;
    (void)request;
}

static void answer(void *ctx, int32_t stream, struct slice message)
{
    const struct talk *talk = ctx;

    assert(h2_session_send(talk->server, stream, message) == ERR_OK);
    (void)!h2_session_finish(talk->server, stream, GRPC_OK, NULL);
}

static void ignore_message(void *ctx, int32_t stream, struct slice message)
{
    (void)ctx;
    (void)stream;
    (void)message;
}

static void ignore(void *ctx, int32_t stream)
{
    (void)ctx;
    (void)stream;
}

static void closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    (void)ctx;
    (void)stream;
    (void)status;
    (void)message;
}

static bool carry(struct h2_session *from, struct h2_session *to, struct secret_buf *log)
{
    struct slice out = {NULL, 0};
    struct errbuf why = {""};

    assert(h2_session_drain(from, &out, &why) == ERR_OK);
    add(log, out.at, out.len);
    assert(out.len == 0 || h2_session_feed(to, out, &why) == ERR_OK);
    return out.len > 0;
}

static void h2(struct folder *folder)
{
    static const struct h2_events serving = {.on_request = on_request,
                                             .on_message = answer,
                                             .on_half_closed = ignore,
                                             .on_closed = closed};
    static const struct h2_events asking = {.on_request = on_request,
                                            .on_message = ignore_message,
                                            .on_half_closed = ignore,
                                            .on_closed = closed};
    const struct h2_limits limits = {0};
    const size_t preface = 24;
    struct talk talk = {.client = NULL};
    struct secret_buf bytes = {0};
    int32_t stream = 0;

    assert(h2_session_new(H2_CLIENT, &limits, &asking, &talk, &talk.client) == ERR_OK);
    assert(h2_session_new(H2_SERVER, &limits, &serving, &talk, &talk.server) == ERR_OK);
    assert(h2_session_call(talk.client, METHOD_GET_KEYRING, "localhost", 1000, &stream) == ERR_OK);
    assert(h2_session_send(talk.client, stream, (struct slice){(const uint8_t *)"hello", 5}) ==
           ERR_OK);
    assert(h2_session_half_close(talk.client, stream) == ERR_OK);
    bool is_moving = true;
    while (is_moving) {
        is_moving = carry(talk.client, talk.server, &talk.up);
        is_moving = carry(talk.server, talk.client, &talk.down) || is_moving;
    }
    add_bytes(&bytes, 1, 0);
    add(&bytes, talk.up.at + preface, talk.up.len - preface);
    put(folder, "h2", "client-asks", &bytes);
    secret_buf_fini(&bytes);
    add_bytes(&bytes, 1, 1);
    add(&bytes, talk.down.at, talk.down.len);
    put(folder, "h2", "server-answers", &bytes);
    secret_buf_fini(&bytes);
    secret_buf_fini(&talk.up);
    secret_buf_fini(&talk.down);
    h2_session_free(talk.client);
    h2_session_free(talk.server);
}

/* ---- serve: steps of serve_fuzz.c ---- */

/* An asker that calls `method` with `message` and closes its half. */
static void serve_one(struct folder *folder, uint8_t asker, const char *method, const char *sample)
{
    struct secret_buf bytes = {0};
    struct secret_buf message = {0};
    const size_t index = router_index_of(router_find(method));
    char name[96];

    for (size_t i = 0; i < sample_kind_count; i++) {
        if (strcmp(sample_kinds[i].name, sample) == 0) {
            assert(sample_kinds[i].encode(&message) == ERR_OK);
        }
    }
    add_bytes(&bytes, 4, asker, 0, (int)index, 20);
    add_bytes(&bytes, 4, 1, 0, (int)(message.len >> 8), (int)message.len);
    add(&bytes, message.at, message.len);
    add_bytes(&bytes, 5, 3, 0, 5, 0x27, 0x10);
    (void)snprintf(name, sizeof(name), "%u%s", asker, strrchr(method, '/'));
    *strchr(name, '/') = '-';
    put(folder, "serve", name, &bytes);
    secret_buf_fini(&bytes);
    secret_buf_fini(&message);
}

static void serve(struct folder *folder)
{
    serve_one(folder, 1, METHOD_GET_KEYRING, "get");
    serve_one(folder, 4, METHOD_GET_KEYRING, "get");
    serve_one(folder, 1, METHOD_WATCH_KEYRING, "open");
    serve_one(folder, 0, METHOD_GET_STATUS, "");
    serve_one(folder, 0, METHOD_LIST_REALMS, "");
    serve_one(folder, 3, METHOD_LIST_KEYS, "list keys");
    serve_one(folder, 3, METHOD_ROTATE, "rotate");
    serve_one(folder, 3, METHOD_REVOKE, "revoke");
    serve_one(folder, 0, METHOD_LIST_FRONTENDS, "list frontends");
    serve_one(folder, 0, METHOD_REKEY, "rekey");
    serve_one(folder, 4, METHOD_HEALTH_CHECK, "");
    serve_one(folder, 4, METHOD_HEALTH_WATCH, "");
}

/* ---- client: steps of client_fuzz.c ---- */

static void client(struct folder *folder)
{
    struct secret_buf bytes = {0};

    /* Two sound keys; a heartbeat; time; the same with one revoked; GOAWAY. */
    add_bytes(&bytes, 7, 1, 2, 0x80, 0x00, 0x60, 0x01, 0x70);
    add_bytes(&bytes, 3, 2, 0, 0x80);
    add_bytes(&bytes, 3, 5, 0x10, 0x00);
    add_bytes(&bytes, 7, 1, 2, 0x81, 0x10, 0x60, 0x01, 0x70);
    add_bytes(&bytes, 4, 5, 0xFF, 0xFF, 6);
    put(folder, "client", "revoked", &bytes);
    secret_buf_fini(&bytes);
    /* A message that is none, the end of a stream, a hang-up, bytes that are no HTTP/2. */
    add_bytes(&bytes, 6, 0, 0, 3, 1, 2, 3);
    add_bytes(&bytes, 5, 5, 0x10, 0x00, 3, 7);
    add_bytes(&bytes, 5, 5, 0xFF, 0x00, 7, 7);
    add_bytes(&bytes, 9, 5, 0xFF, 0x00, 4, 0, 3, 'n', 'o', '!');
    put(folder, "client", "rude", &bytes);
    secret_buf_fini(&bytes);
}

/* ---- merge: rings of merge_fuzz.c ---- */

static void merge(struct folder *folder)
{
    struct rng rng = {7};

    for (int i = 0; i < 4; i++) {
        struct secret_buf bytes = {0};
        char name[16];
        add_bytes(&bytes, 1, 0x80);
        for (int ring = 0; ring < 3; ring++) {
            const uint8_t count = (uint8_t)(2 + rng_below(&rng, 3));
            add(&bytes, &count, 1);
            for (int k = 0; k < count; k++) {
                /* Dates in order, a few apart. */
                uint8_t date = (uint8_t)(0x60 + rng_below(&rng, 16));
                add_bytes(&bytes, 2, (int)rng_below(&rng, 6), (int)rng_below(&rng, 4));
                for (int d = 0; d < 5; d++) {
                    date = (uint8_t)(date + 1 + rng_below(&rng, 8));
                    add(&bytes, &date, 1);
                }
            }
        }
        (void)snprintf(name, sizeof(name), "rings-%d", i);
        put(folder, "merge", name, &bytes);
        secret_buf_fini(&bytes);
    }
}

/* ---- record: selector, then as record_fuzz.c says ---- */

static void record(struct folder *folder)
{
    struct secret_buf bytes = {0};
    struct secret_buf message = {0};

    for (size_t i = 0; i < sample_kind_count; i++) {
        if (strcmp(sample_kinds[i].name, "record") == 0) {
            assert(sample_kinds[i].encode(&message) == ERR_OK);
        }
    }
    add_bytes(&bytes, 1, 2);
    add(&bytes, message.at, message.len);
    put(folder, "record", "open", &bytes);
    secret_buf_fini(&bytes);
    add_bytes(&bytes, 10, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0);
    add_bytes(&bytes, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    add(&bytes, message.at, message.len);
    put(folder, "record", "unchanged", &bytes);
    bytes.at[12] = 1;
    put(folder, "record", "changed", &bytes);
    secret_buf_fini(&bytes);
    add_bytes(&bytes, 6, 0, 'S', 'T', 'K', 'S', 1);
    while (bytes.len < SEAL_OVERHEAD + 17) {
        add_bytes(&bytes, 1, (int)bytes.len);
    }
    put(folder, "record", "unknown-kek", &bytes);
    secret_buf_fini(&bytes);
    secret_buf_fini(&message);
}

int main(int argc, char **argv)
{
    struct folder folder = {.path = argc == 2 ? argv[1] : NULL};

    if (folder.path == NULL) {
        (void)fputs("usage: fuzz_seeds FOLDER\n", stderr);
        return 2;
    }
    wire(&folder);
    grpc(&folder);
    h2(&folder);
    serve(&folder);
    client(&folder);
    merge(&folder);
    record(&folder);
    (void)printf("%zu seeds\n", folder.files);
    return 0;
}
