/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our .proto files say, for reflection: each file as the google.protobuf.FileDescriptorProto
 * that the compiler made of it at build time. Files have numbers from 0; imports come before what
 * imports them. Everything returned is borrowed from read-only memory.
 */
#ifndef STEK_WIRE_DESCRIPTORS_H
#define STEK_WIRE_DESCRIPTORS_H

#include <stddef.h>

#include "base/bytes.h"

#define DESCRIPTORS_MAX      16  /* files */
#define DESCRIPTORS_NAME_MAX 127 /* a service with its package, "stek.v1.KeyService" */

size_t descriptors_count(void);
struct slice descriptors_file(size_t file);

/* By its name, "stek/v1/keys.proto". descriptors_count(): there is none. */
size_t descriptors_find_file(const char *name);
/* The file that declares a message, field, oneof, enum, enum value, service or method, by its full
 * name without a leading dot. descriptors_count(): none does. */
size_t descriptors_find_symbol(const char *symbol);

/* The file, then all it imports, directly or not, each once. Returns how many. */
size_t descriptors_with_imports(size_t file, struct slice out[DESCRIPTORS_MAX]);

/* Calls `on_service` with the full name of each service, in order of the files. */
void descriptors_each_service(void (*on_service)(void *ctx, const char *name), void *ctx);

#endif
