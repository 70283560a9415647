/* SPDX-License-Identifier: Apache-2.0 */
/* How much locked memory somebody whom no rule names can make one connection hold: what is gone
 * there is gone for the keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/connection.h"
#include "unit/wire/h2_raw.h"
#include "wire/methods.h"
#include "world.h"

/* What is locked now: by mlock(), until its mapping goes. */
#define LOCKED_MAX 1024
static struct {
    const uint8_t *at;
    size_t len;
} locked_blocks[LOCKED_MAX];
static size_t locked_count;
static size_t locked_bytes;

int __real_mlock(const void *at, size_t len);
int __real_munmap(void *at, size_t len);
int __wrap_mlock(const void *at, size_t len);
int __wrap_munmap(void *at, size_t len);

int __wrap_mlock(const void *at, size_t len)
{
    assert_true(locked_count < LOCKED_MAX);
    locked_blocks[locked_count].at = at;
    locked_blocks[locked_count++].len = len;
    locked_bytes += len;
    return __real_mlock(at, len);
}

int __wrap_munmap(void *at, size_t len)
{
    for (size_t i = 0; i < locked_count; i++) {
        const uint8_t *block = locked_blocks[i].at;
        if (block >= (const uint8_t *)at && block < (const uint8_t *)at + len) {
            locked_bytes -= locked_blocks[i].len;
            locked_blocks[i] = locked_blocks[--locked_count];
            break;
        }
    }
    return __real_munmap(at, len);
}

static void ignore_output(void *ctx)
{
    (void)ctx;
}

static void put_request(struct secret_buf *out, uint32_t stream, const char *path)
{
    char lines[256];

    (void)snprintf(lines, sizeof(lines),
                   ":method: POST\n:scheme: http\n:path: %s\n:authority: h\n"
                   "te: trailers\ncontent-type: application/grpc\n",
                   path);
    h2_raw_headers(out, stream, 0, lines);
}

/* Feeds `in` to a connection of nobody's and gives back what is locked once it has settled. */
static size_t locked_after(struct secret_buf *in)
{
    static const struct peer peer = {.uid = UID_NOBODY, .gid = UID_NOBODY, .pid = 1};
    const struct connection_limits others = connection_limits_default();
    const struct connection_limits limits = connection_limits_for_stranger(&others);
    struct world *world = world_new();
    struct call_set *calls = NULL;
    struct errbuf why = {""};
    struct slice bytes;

    world_start(world);
    const struct call_set_options options = {.services = &world->services,
                                             .peer = &peer,
                                             .limits = limits.h2,
                                             .on_output = ignore_output};
    assert_int_equal(call_set_new(&options, &calls), ERR_OK);
    size_t before = locked_bytes;
    assert_int_equal(call_set_feed(calls, (struct slice){in->at, in->len}, &why), ERR_OK);
    do {
        assert_int_equal(call_set_drain(calls, &bytes, &why), ERR_OK);
    } while (bytes.len > 0);
    size_t locked = locked_bytes - before;
    call_set_free(calls);
    assert_int_equal(locked_bytes, before);
    world_free(world);
    secret_buf_fini(in);
    return locked;
}

static void messages_that_never_end_lock_little(void **unused)
{
    struct secret_buf in = {0};

    (void)unused;
    h2_raw_hello(&in, H2_CLIENT);
    for (uint32_t stream = 1; stream < 200; stream += 2) {
        put_request(&in, stream, METHOD_GET_KEYRING);
        h2_raw_frame(&in, RAW_DATA, 0, stream, "", 1);
    }
    assert_in_range(locked_after(&in), 1, 8192);
}

/* A window of nothing: each answer waits in a block of its own. */
static void answers_that_are_not_taken_lock_little(void **unused)
{
    static const uint8_t no_window[] = {0, 4, 0, 0, 0, 0};
    struct secret_buf in = {0};

    (void)unused;
    h2_raw_hello(&in, H2_CLIENT);
    h2_raw_frame(&in, RAW_SETTINGS, 0, 0, no_window, sizeof(no_window));
    for (uint32_t stream = 1; stream < 200; stream += 2) {
        put_request(&in, stream, METHOD_HEALTH_WATCH);
        h2_raw_frame(&in, RAW_DATA, 0, stream, "\0\0\0\0\0", 5);
    }
    assert_in_range(locked_after(&in), 1, 32768);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_that_are_not_taken_lock_little),
        cmocka_unit_test(messages_that_never_end_lock_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
