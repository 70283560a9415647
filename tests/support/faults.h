/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that fail on demand: the n-th of a kind, counted while armed.
 *
 * The linker puts these in the place of what our own code calls (the list is in
 * cmake/stek_fault_test.cmake). nghttp2 and protobuf-c allocate through our code; libevent and
 * OpenSSL once they were told to.
 */
#ifndef STEK_TESTS_SUPPORT_FAULTS_H
#define STEK_TESTS_SUPPORT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_MEMORY,  /* malloc and its like, mmap; what libevent and nghttp2 allocate */
    FAULT_LOCKING, /* mlock, madvise, mprotect */
    FAULT_OPENSSL, /* what OpenSSL allocates */
    FAULT_RANDOM,  /* getrandom, RAND_bytes, RAND_priv_bytes */
    FAULT_CRYPTO,  /* EVP, HMAC, X509, PEM and SSL calls that may fail */
    FAULT_WRITE,   /* write, send, fsync, rename, link, close of a written file ... */
    FAULT_SYSTEM,  /* open, socket, pipe, thread ... : whatever makes a new thing */
    FAULT_KINDS
};

const char *faults_kind_name(enum fault_kind kind);

/* The `at`-th call of `kind` (from 1) fails, with `error` in errno where there is one (0: what is
 * usual); with `goes_on`, all later ones too. Counting starts anew. Not armed. */
void faults_plan(enum fault_kind kind, size_t at, int error, bool goes_on);
/* Failing writes put a part of the bytes first. Until the next plan. */
void faults_write_short(void);
/* Only what an armed thread calls is counted, and fails. Nests. */
void faults_arm(void);
void faults_disarm(void);
bool faults_have_fired(void);
size_t faults_seen(void); /* of the planned kind, since the plan */

/* For the wrappers: true: fail. */
bool faults_hit(enum fault_kind kind);
bool faults_hit_short(void); /* how the write that was hit fails */

/* Blocks that our code (and libevent, once hooked) has and has not given back; mappings too. */
size_t faults_live_blocks(void);
size_t faults_open_files(void);

/* Before OpenSSL has allocated anything; aborts when too late. */
void faults_hook_openssl(void);
/* As event_set_mem_functions() wants them. */
void *faults_malloc(size_t size);
void *faults_realloc(void *block, size_t size);
void faults_free(void *block);

#endif
