/* SPDX-License-Identifier: Apache-2.0 */
/* Each scenario again and again, with the first, second, third... allocation failing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "samples.h"
#include "wire/codec.h"
#include "wire/h2_session.h"

/* ---- the allocator: malloc, calloc and mmap (secret memory), by the linker's --wrap ---- */

static struct {
    size_t seen;
    size_t fail_at; /* 0: never */
} heap;

static bool fails(void)
{
    heap.seen++;
    if (heap.seen == heap.fail_at) {
        errno = ENOMEM;
        return true;
    }
    return false;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
char *__wrap_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(at, len, protection, flags, fd, offset);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

/* ---- codec ---- */

static void encoding_without_memory_leaves_the_output_as_it_was(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sample_kind_count; k++) {
        /* The samples themselves need memory, so a failure may come before the encoding. */
        if (strstr(sample_kinds[k].name, "reply") != NULL ||
            strcmp(sample_kinds[k].name, "snapshot") == 0 ||
            strcmp(sample_kinds[k].name, "record") == 0) {
            continue;
        }
        enum err rc = ERR_NOMEM;
        for (heap.fail_at = 1; rc != ERR_OK; heap.fail_at++) {
            struct secret_buf out = {0};
            heap.seen = 0;
            rc = sample_kinds[k].encode(&out);
            assert_int_equal(rc, heap.seen >= heap.fail_at ? ERR_NOMEM : ERR_OK);
            assert_true(rc == ERR_OK || out.len == 0);
            secret_buf_fini(&out);
        }
        heap.fail_at = 0;
    }
}

static void a_snapshot_without_memory_is_no_snapshot(void **unused)
{
    struct secret_buf whole = {0};
    struct wire_snapshot in = sample_snapshot();
    size_t failed = 0;
    enum err rc = ERR_NOMEM;
    (void)unused;
    for (heap.fail_at = 1; rc != ERR_OK; heap.fail_at++) {
        heap.seen = 0;
        rc = wire_encode_get_keyring_reply(&in, &whole);
        failed += rc == ERR_NOMEM;
        assert_true(rc == ERR_OK || (rc == ERR_NOMEM && whole.len == 0));
    }
    assert_int_equal(failed, 3);
    rc = ERR_NOMEM;
    for (heap.fail_at = 1; rc != ERR_OK; heap.fail_at++) {
        struct wire_snapshot out = {0};
        struct errbuf why = {""};
        heap.seen = 0;
        rc = wire_decode_get_keyring_reply((struct slice){whole.at, whole.len}, &out, &why);
        assert_true(rc == ERR_OK || (rc == ERR_NOMEM && out.ring.keys == NULL));
        wire_snapshot_fini(&out);
    }
    heap.fail_at = 0;
    wire_snapshot_fini(&in);
    secret_buf_fini(&whole);
}

/* ---- a unary call ---- */

struct end {
    struct h2_session *session;
    size_t messages;
    size_t closed;
    enum grpc_status status;
};

static void on_request(void *ctx, int32_t stream, const struct h2_request *request)
{
    (void)ctx;
    (void)stream;
    assert_string_equal(request->path, "/a/B");
}

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct end *end = ctx;
    (void)stream;
    assert_int_equal(message.len, 3);
    end->messages++;
}

static void on_half_closed(void *ctx, int32_t stream)
{
    struct end *end = ctx;
    const struct slice answer = {(const uint8_t *)"abc", 3};
    const bool sent = h2_session_send(end->session, stream, answer) == ERR_OK;
    (void)h2_session_finish(end->session, stream, sent ? GRPC_OK : GRPC_INTERNAL, "said");
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct end *end = ctx;
    (void)stream;
    assert_non_null(message);
    end->closed++;
    end->status = status;
}

static const struct h2_events events = {.on_request = on_request,
                                        .on_message = on_message,
                                        .on_half_closed = on_half_closed,
                                        .on_closed = on_closed};

/* True when bytes went and all was well. */
static bool carry(struct end *from, struct end *to, bool *failed)
{
    struct slice bytes = {NULL, 0};
    struct errbuf why = {""};
    if (h2_session_drain(from->session, &bytes, &why) != ERR_OK) {
        *failed = true;
        return false;
    }
    if (bytes.len > 0 && h2_session_feed(to->session, bytes, &why) != ERR_OK) {
        assert_string_not_equal(why.text, "");
        *failed = true;
        return false;
    }
    return bytes.len > 0;
}

/* True when the call came through to its end on both sides. */
static bool make_call(struct end *client, struct end *server)
{
    static const struct h2_limits limits;
    const struct slice question = {(const uint8_t *)"abc", 3};
    bool failed = false;
    int32_t stream = 0;

    if (h2_session_new(H2_CLIENT, &limits, &events, client, &client->session) != ERR_OK ||
        h2_session_new(H2_SERVER, &limits, &events, server, &server->session) != ERR_OK ||
        h2_session_call(client->session, "/a/B", "h", 1000, &stream) != ERR_OK ||
        h2_session_send(client->session, stream, question) != ERR_OK ||
        h2_session_half_close(client->session, stream) != ERR_OK) {
        return false;
    }
    while (!failed && (carry(client, server, &failed) || carry(server, client, &failed))) {
    }
    return !failed && client->closed == 1 && client->status == GRPC_OK && client->messages == 1;
}

static void a_call_without_memory_fails_and_nothing_is_lost(void **unused)
{
    bool done = false;
    size_t tries = 0;
    (void)unused;
    for (; !done; tries++) {
        struct end client = {0};
        struct end server = {0};
        heap.seen = 0;
        heap.fail_at = tries + 1;
        done = make_call(&client, &server) && heap.seen < heap.fail_at;
        heap.fail_at = 0;
        assert_in_range(client.closed, 0, 1);
        assert_in_range(server.closed, 0, 1);
        h2_session_free(client.session);
        h2_session_free(server.session);
        assert_in_range(tries, 0, 1000);
    }
    print_message("%zu allocations made to fail\n", tries - 1);
    assert_in_range(tries, 40, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encoding_without_memory_leaves_the_output_as_it_was),
        cmocka_unit_test(a_snapshot_without_memory_is_no_snapshot),
        cmocka_unit_test(a_call_without_memory_fails_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
