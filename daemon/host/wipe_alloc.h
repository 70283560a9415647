/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc and friends that wipe a block before it goes back, also when realloc moves it. For
 * libraries that copy our bytes into buffers of their own: OpenSSL, libevent, nghttp2, protobuf-c.
 * The memory is neither locked nor left out of dumps: key bytes of ours belong in secret_alloc().
 */
#ifndef STEKD_HOST_WIPE_ALLOC_H
#define STEKD_HOST_WIPE_ALLOC_H

#include <stddef.h>

#include "base/err.h"

void *wipe_alloc_malloc(size_t size);
void *wipe_alloc_calloc(size_t count, size_t size);
/* NULL: like malloc. Size 0: wipes, frees, NULL. On failure the old block stays as it is. */
void *wipe_alloc_realloc(void *block, size_t size);
/* NULL allowed. */
void wipe_alloc_free(void *block);

/* Gives it to OpenSSL and libevent for the rest of the process. Must come before either has
 * allocated anything: the first thing main() does. ERR_REFUSED: too late. */
enum err wipe_alloc_install(struct errbuf *why) MUST_USE;

#endif
