/* SPDX-License-Identifier: Apache-2.0 */
/* Answers are read back with protobuf-c's own hands, for the product only writes them. */
#include "wire/reflection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"

static const struct reflection_request samples[] = {
    {.kind = REFLECTION_NOTHING, .host = "h"},
    {.kind = REFLECTION_FILE, .host = "localhost", .text = "stek/v1/keys.proto"},
    {.kind = REFLECTION_SYMBOL, .text = "stek.v1.KeyService"},
    {.kind = REFLECTION_EXTENSION, .host = "x", .text = "stek.v1.Key", .extension = -7},
    {.kind = REFLECTION_EXTENSION_NUMBERS, .text = "stek.v1.Key"},
    {.kind = REFLECTION_SERVICES, .text = "*"},
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void must_equal(const struct reflection_request *a, const struct reflection_request *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->host, b->host);
    assert_string_equal(a->text, b->text);
    assert_int_equal(a->extension, b->extension);
}

static void requests_come_back_as_they_went(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct secret_buf bytes = {0};
        struct reflection_request back;
        struct errbuf why = {""};
        assert_int_equal(reflection_encode_request(&samples[i], &bytes), ERR_OK);
        assert_int_equal(
            reflection_decode_request((struct slice){bytes.at, bytes.len}, &back, &why), ERR_OK);
        must_equal(&back, &samples[i]);
        secret_buf_fini(&bytes);
    }
}

static void a_request_is_read_as_upstream_writes_it(void **unused)
{
    /* list_services = 7, file_containing_symbol = 4, file_by_filename = 3, host = 1 */
    static const struct {
        const char *bytes;
        size_t len;
        struct reflection_request want;
    } rows[] = {
        {"", 0, {.kind = REFLECTION_NOTHING}},
        {"\x3a\x00", 2, {.kind = REFLECTION_SERVICES}},
        {"\x0a\x01h\x22\x03s.t", 8, {.kind = REFLECTION_SYMBOL, .host = "h", .text = "s.t"}},
        {"\x1a\x01"
         "f",
         3,
         {.kind = REFLECTION_FILE, .text = "f"}},
        {"\x2a\x05\x0a\x01t\x10\x09",
         7,
         {.kind = REFLECTION_EXTENSION, .text = "t", .extension = 9}},
        {"\x32\x01t", 3, {.kind = REFLECTION_EXTENSION_NUMBERS, .text = "t"}},
        {"\x42\x01z", 3, {.kind = REFLECTION_NOTHING}}, /* a kind of a later version */
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reflection_request got;
        struct errbuf why = {""};
        const struct slice in = {(const uint8_t *)rows[i].bytes, rows[i].len};
        assert_int_equal(reflection_decode_request(in, &got, &why), ERR_OK);
        must_equal(&got, &rows[i].want);
    }
}

static void names_that_are_none_are_refused(void **unused)
{
    char text[REFLECTION_TEXT_MAX + 3];
    struct reflection_request request = {.kind = REFLECTION_FILE, .text = "before"};
    struct errbuf why = {""};

    (void)unused;
    for (size_t len = REFLECTION_TEXT_MAX; len <= REFLECTION_TEXT_MAX + 1; len++) {
        struct reflection_request got = request;
        uint8_t bytes[sizeof(text) + 3] = {0x22, (uint8_t)(0x80 | (len & 0x7f)),
                                           (uint8_t)(len >> 7)};
        memset(bytes + 3, 'a', len);
        const enum err rc = reflection_decode_request((struct slice){bytes, len + 3}, &got, &why);
        assert_int_equal(rc, len <= REFLECTION_TEXT_MAX ? ERR_OK : ERR_INVALID);
        assert_int_equal(strlen(got.text), len <= REFLECTION_TEXT_MAX ? len : strlen("before"));
    }
    assert_non_null(strstr(why.text, "name: at most 255 bytes"));
    const struct slice lines = {(const uint8_t *)"\x22\x03"
                                                 "a\nb",
                                5};
    assert_int_equal(reflection_decode_request(lines, &request, &why), ERR_INVALID);
    const struct slice host = {(const uint8_t *)"\x0a\x01\x01", 3};
    assert_int_equal(reflection_decode_request(host, &request, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "host"));
    assert_string_equal(request.text, "before");
}

/* xorshift: the same garbage every time. */
static uint8_t next_byte(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint8_t)(*state >> 32);
}

static void broken_bytes_are_refused_or_sound(void **unused)
{
    uint64_t random = 4711;
    size_t accepted = 0;
    size_t refused = 0;

    (void)unused;
    for (size_t i = 0; i < 4000; i++) {
        struct secret_buf bytes = {0};
        struct reflection_request got;
        struct errbuf why = {""};
        assert_int_equal(reflection_encode_request(&samples[i % SAMPLES], &bytes), ERR_OK);
        const size_t cut = bytes.len > 0 ? next_byte(&random) % (bytes.len + 1) : 0;
        for (size_t flips = i % 4; flips > 0 && bytes.len > 0; flips--) {
            bytes.at[next_byte(&random) % bytes.len] = next_byte(&random);
        }
        const struct slice in = {bytes.at, i % 2 == 0 ? bytes.len : cut};
        if (reflection_decode_request(in, &got, &why) == ERR_OK) {
            accepted++;
        } else {
            assert_string_not_equal(why.text, "");
            refused++;
        }
        secret_buf_fini(&bytes);
    }
    assert_true(accepted > 100 && refused > 1000);
    print_message("broken requests: %zu refused, %zu sound\n", refused, accepted);
}

static Grpc__Reflection__V1__ServerReflectionResponse *read_back(const struct secret_buf *bytes)
{
    Grpc__Reflection__V1__ServerReflectionResponse *reply =
        grpc__reflection__v1__server_reflection_response__unpack(NULL, bytes->len, bytes->at);

    assert_non_null(reply);
    return reply;
}

static void a_reply_repeats_the_request_and_carries_one_kind_of_answer(void **unused)
{
    struct reflection_reply replies[] = {
        {.request = &samples[2],
         .status = GRPC_OK,
         .file_count = 2,
         .files = {{(const uint8_t *)"one", 3}, {(const uint8_t *)"three", 5}}},
        {.request = &samples[5],
         .status = GRPC_OK,
         .service_count = 2,
         .services = {"stek.v1.A", "stek.v1.B"}},
        {.request = &samples[3], .status = GRPC_NOT_FOUND, .why = "none"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct secret_buf bytes = {0};
        assert_int_equal(reflection_encode_reply(&replies[i], &bytes), ERR_OK);
        Grpc__Reflection__V1__ServerReflectionResponse *back = read_back(&bytes);
        assert_string_equal(back->valid_host, replies[i].request->host);
        assert_non_null(back->original_request);
        switch (i) {
        case 0:
            assert_string_equal(back->original_request->file_containing_symbol,
                                "stek.v1.KeyService");
            assert_int_equal(back->message_response_case, 4);
            assert_int_equal(back->file_descriptor_response->n_file_descriptor_proto, 2);
            assert_int_equal(back->file_descriptor_response->file_descriptor_proto[1].len, 5);
            break;
        case 1:
            assert_string_equal(back->original_request->list_services, "*");
            assert_int_equal(back->message_response_case, 6);
            assert_int_equal(back->list_services_response->n_service, 2);
            assert_string_equal(back->list_services_response->service[1]->name, "stek.v1.B");
            break;
        default:
            assert_int_equal(back->original_request->file_containing_extension->extension_number,
                             -7);
            assert_int_equal(back->message_response_case, 7);
            assert_int_equal(back->error_response->error_code, 5);
            assert_string_equal(back->error_response->error_message, "none");
        }
        grpc__reflection__v1__server_reflection_response__free_unpacked(back, NULL);
        secret_buf_fini(&bytes);
    }
}

/* All fields of the two, and of what is inside them. */
static void must_be_the_same(const ProtobufCMessageDescriptor *a,
                             const ProtobufCMessageDescriptor *b)
{
    assert_string_equal(a->short_name, b->short_name);
    assert_int_equal(a->n_fields, b->n_fields);
    for (unsigned int i = 0; i < a->n_fields; i++) {
        assert_string_equal(a->fields[i].name, b->fields[i].name);
        assert_int_equal(a->fields[i].id, b->fields[i].id);
        assert_int_equal(a->fields[i].type, b->fields[i].type);
        assert_int_equal(a->fields[i].label, b->fields[i].label);
        if (a->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            must_be_the_same(a->fields[i].descriptor, b->fields[i].descriptor);
        }
    }
}

static void one_codec_is_enough_for_both_versions(void **unused)
{
    (void)unused;
    must_be_the_same(&grpc__reflection__v1__server_reflection_request__descriptor,
                     &grpc__reflection__v1alpha__server_reflection_request__descriptor);
    must_be_the_same(&grpc__reflection__v1__server_reflection_response__descriptor,
                     &grpc__reflection__v1alpha__server_reflection_response__descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_back_as_they_went),
        cmocka_unit_test(a_request_is_read_as_upstream_writes_it),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(broken_bytes_are_refused_or_sound),
        cmocka_unit_test(a_reply_repeats_the_request_and_carries_one_kind_of_answer),
        cmocka_unit_test(one_codec_is_enough_for_both_versions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
