/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/descriptors.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "stek/descriptors.pb-c.h"

/* What a descriptor describes. A leaf has a name and nothing of ours inside. */
enum kind { KIND_FILE, KIND_MESSAGE, KIND_ENUM, KIND_SERVICE, KIND_LEAF };

/* Field numbers of google/protobuf/descriptor.proto. */
enum { SET_FILE = 1, ANY_NAME = 1, FILE_PACKAGE = 2, FILE_DEPENDENCY = 3, FILE_SERVICE = 6 };

/* Which field of which descriptor holds what can be asked for by name. */
static const struct {
    enum kind parent;
    uint64_t field;
    enum kind child;
} children[] = {
    {KIND_FILE, 4, KIND_MESSAGE},            /* message_type */
    {KIND_FILE, 5, KIND_ENUM},               /* enum_type */
    {KIND_FILE, FILE_SERVICE, KIND_SERVICE}, /* service */
    {KIND_FILE, 7, KIND_LEAF},               /* extension */
    {KIND_MESSAGE, 2, KIND_LEAF},            /* field */
    {KIND_MESSAGE, 3, KIND_MESSAGE},         /* nested_type */
    {KIND_MESSAGE, 4, KIND_ENUM},            /* enum_type */
    {KIND_MESSAGE, 6, KIND_LEAF},            /* extension */
    {KIND_MESSAGE, 8, KIND_LEAF},            /* oneof_decl */
    {KIND_ENUM, 2, KIND_LEAF},               /* value */
    {KIND_SERVICE, 2, KIND_LEAF},            /* method */
};

#define CHILDREN    (sizeof(children) / sizeof(children[0]))
#define NESTING_MAX 8 /* messages in messages */

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static uint64_t read_varint(struct reader *from)
{
    uint64_t value = 0;

    for (unsigned int shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = reader_u8(from);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    from->failed = true;
    return 0;
}

/* The next field that holds bytes; others are passed over. False at the end. The compiler wrote
 * these bytes: that they cannot be read would be our own mistake. */
static bool next_field(struct reader *from, uint64_t *field, struct slice *value)
{
    while (from->len > 0) {
        const uint64_t key = read_varint(from);
        const uint64_t len = read_varint(from); /* or the value of a number */
        if ((key & 7) == WIRE_BYTES) {
            *field = key >> 3;
            value->len = (size_t)len;
            value->at = reader_take(from, value->len);
            assert(!from->failed);
            return true;
        }
        assert((key & 7) == WIRE_VARINT && !from->failed);
    }
    return false;
}

static struct slice first_of(struct slice body, uint64_t wanted)
{
    struct reader from;
    uint64_t field = 0;
    struct slice value = {NULL, 0};

    reader_init(&from, body.at, body.len);
    while (next_field(&from, &field, &value)) {
        if (field == wanted) {
            return value;
        }
    }
    return (struct slice){NULL, 0};
}

static bool is_text(struct slice bytes, const char *text)
{
    return strlen(text) == bytes.len &&
           memcmp(bytes.at, text, bytes.len) == 0; /* lint: public bytes */
}

/* What follows "scope." in `symbol`; NULL when it does not begin so. */
static const char *inside(struct slice scope, const char *symbol)
{
    const bool begins = strlen(symbol) > scope.len &&
                        memcmp(symbol, scope.at, scope.len) == 0 && /* lint: public bytes */
                        symbol[scope.len] == '.';

    return begins ? symbol + scope.len + 1 : NULL;
}

/* Whether something in `body` is called `symbol`, as seen from inside it. An enum's values are
 * named as if they stood beside the enum. */
static bool declares(struct slice body, enum kind kind, const char *symbol, unsigned int depth)
{
    struct reader from;
    uint64_t field = 0;
    struct slice child = {NULL, 0};

    reader_init(&from, body.at, body.len);
    while (depth > 0 && next_field(&from, &field, &child)) {
        for (size_t i = 0; i < CHILDREN; i++) {
            if (children[i].parent != kind || children[i].field != field) {
                continue;
            }
            const struct slice name = first_of(child, ANY_NAME);
            const bool is_enum = children[i].child == KIND_ENUM;
            const char *rest = is_enum ? symbol : inside(name, symbol);
            if (is_text(name, symbol) ||
                (rest != NULL && declares(child, children[i].child, rest, depth - 1))) {
                return true;
            }
        }
    }
    return false;
}

size_t descriptors_count(void)
{
    struct reader from;
    uint64_t field = 0;
    struct slice file = {NULL, 0};
    size_t count = 0;

    reader_init(&from, proto_descriptors, sizeof(proto_descriptors));
    while (next_field(&from, &field, &file)) {
        count++;
    }
    assert(count <= DESCRIPTORS_MAX);
    return count;
}

struct slice descriptors_file(size_t file)
{
    struct reader from;
    uint64_t field = 0;
    struct slice bytes = {NULL, 0};

    assert(file < descriptors_count());
    reader_init(&from, proto_descriptors, sizeof(proto_descriptors));
    for (size_t i = 0; i <= file; i++) {
        const bool is_there = next_field(&from, &field, &bytes);
        assert(is_there && field == SET_FILE);
    }
    return bytes;
}

static size_t find_file(struct slice name)
{
    size_t file = 0;

    for (; file < descriptors_count(); file++) {
        const struct slice have = first_of(descriptors_file(file), ANY_NAME);
        if (have.len == name.len &&
            memcmp(have.at, name.at, name.len) == 0) { /* lint: public bytes */
            break;
        }
    }
    return file;
}

size_t descriptors_find_file(const char *name)
{
    return find_file((struct slice){(const uint8_t *)name, strlen(name)});
}

size_t descriptors_find_symbol(const char *symbol)
{
    size_t file = 0;

    for (; file < descriptors_count(); file++) {
        const struct slice bytes = descriptors_file(file);
        const char *rest = inside(first_of(bytes, FILE_PACKAGE), symbol);
        if (rest != NULL && declares(bytes, KIND_FILE, rest, NESTING_MAX)) {
            break;
        }
    }
    return file;
}

static size_t place_of(const size_t *files, size_t count, size_t file)
{
    size_t place = 0;

    while (place < count && files[place] != file) {
        place++;
    }
    return place;
}

size_t descriptors_with_imports(size_t file, struct slice out[DESCRIPTORS_MAX])
{
    size_t files[DESCRIPTORS_MAX] = {file};
    size_t count = 1;

    for (size_t i = 0; i < count; i++) {
        struct reader from;
        uint64_t field = 0;
        struct slice name = {NULL, 0};
        out[i] = descriptors_file(files[i]);
        reader_init(&from, out[i].at, out[i].len);
        while (next_field(&from, &field, &name)) {
            const size_t import = field == FILE_DEPENDENCY ? find_file(name) : file;
            assert(import < descriptors_count());
            if (place_of(files, count, import) == count) {
                files[count++] = import;
            }
        }
    }
    return count;
}

void descriptors_each_service(void (*on_service)(void *ctx, const char *name), void *ctx)
{
    for (size_t i = 0; i < descriptors_count(); i++) {
        const struct slice file = descriptors_file(i);
        const struct slice package = first_of(file, FILE_PACKAGE);
        struct reader from;
        uint64_t field = 0;
        struct slice service = {NULL, 0};
        reader_init(&from, file.at, file.len);
        while (next_field(&from, &field, &service)) {
            if (field != FILE_SERVICE) {
                continue;
            }
            char full[DESCRIPTORS_NAME_MAX + 1];
            const struct slice name = first_of(service, ANY_NAME);
            struct writer to;
            writer_init(&to, full, sizeof(full));
            writer_bytes(&to, package.at, package.len);
            writer_u8(&to, '.');
            writer_bytes(&to, name.at, name.len);
            writer_u8(&to, '\0');
            assert(!to.failed);
            on_service(ctx, full);
        }
    }
}
