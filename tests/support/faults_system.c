/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of our own code. */
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/faults.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define REAL_AND_WRAP(type, name, parameters)                                                      \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters

/* --- output --- */

#define OUTPUT(name, parameters, short_call, call)                                                 \
    REAL_AND_WRAP(ssize_t, name, parameters)                                                       \
    {                                                                                              \
        if (!faults_hit(FAULT_WRITE)) {                                                            \
            return __real_##name call;                                                             \
        }                                                                                          \
        return faults_hit_short() && len > 1 ? __real_##name short_call : -1;                      \
    }

OUTPUT(write, (int fd, const void *at, size_t len), (fd, at, len / 2), (fd, at, len))
OUTPUT(send, (int fd, const void *at, size_t len, int flags), (fd, at, len / 2, flags),
       (fd, at, len, flags))
OUTPUT(sendto,
       (int fd, const void *at, size_t len, int flags, const struct sockaddr *to, socklen_t to_len),
       (fd, at, len / 2, flags, to, to_len), (fd, at, len, flags, to, to_len))

#define STEP(kind, name, parameters, call)                                                         \
    REAL_AND_WRAP(int, name, parameters)                                                           \
    {                                                                                              \
        return faults_hit(kind) ? -1 : __real_##name call;                                         \
    }

STEP(FAULT_WRITE, fsync, (int fd), (fd))
STEP(FAULT_WRITE, renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
STEP(FAULT_WRITE, rename, (const char *a, const char *b), (a, b))
STEP(FAULT_WRITE, link, (const char *a, const char *b), (a, b))
STEP(FAULT_WRITE, fchmod, (int fd, mode_t mode), (fd, mode))
STEP(FAULT_WRITE, mkdir, (const char *path, mode_t mode), (path, mode))
STEP(FAULT_WRITE, mkostemp, (char *path, int flags), (path, flags))

REAL_AND_WRAP(int, fflush, (FILE * to))
{
    return faults_hit(FAULT_WRITE) ? EOF : __real_fflush(to);
}

/* --- new things --- */

STEP(FAULT_SYSTEM, socket, (int domain, int type, int protocol), (domain, type, protocol))
STEP(FAULT_SYSTEM, bind, (int fd, const struct sockaddr *at, socklen_t len), (fd, at, len))
STEP(FAULT_SYSTEM, listen, (int fd, int backlog), (fd, backlog))
STEP(FAULT_SYSTEM, connect, (int fd, const struct sockaddr *at, socklen_t len), (fd, at, len))
STEP(FAULT_SYSTEM, pipe2, (int ends[2], int flags), (ends, flags))
STEP(FAULT_SYSTEM, flock, (int fd, int how), (fd, how))
STEP(FAULT_SYSTEM, chmod, (const char *path, mode_t mode), (path, mode))
STEP(FAULT_SYSTEM, stat, (const char *path, struct stat *st), (path, st))
STEP(FAULT_SYSTEM, fstat, (int fd, struct stat *st), (fd, st))
/* The names that 64-bit file offsets give the same calls. */
struct stat64;
STEP(FAULT_SYSTEM, stat64, (const char *path, struct stat64 *st), (path, st))
STEP(FAULT_SYSTEM, fstat64, (int fd, struct stat64 *st), (fd, st))
STEP(FAULT_WRITE, mkostemp64, (char *path, int flags), (path, flags))
STEP(FAULT_SYSTEM, accept4, (int fd, struct sockaddr *at, socklen_t *len, int flags),
     (fd, at, len, flags))

REAL_AND_WRAP(int, pthread_create,
              (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *),
               void *arg))
{
    return faults_hit(FAULT_SYSTEM) ? 11 /* EAGAIN */
                                    : __real_pthread_create(thread, attributes, start, arg);
}

static mode_t mode_of(int flags, va_list rest)
{
    return (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int __real_##name(const char *path, int flags, ...);                                           \
    int __wrap_##name(const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list rest;                                                                              \
                                                                                                   \
        va_start(rest, flags);                                                                     \
        const mode_t mode = mode_of(flags, rest);                                                  \
        va_end(rest);                                                                              \
        return faults_hit(FAULT_SYSTEM) ? -1 : __real_##name(path, flags, mode);                   \
    }
#define OPENAT(name)                                                                               \
    int __real_##name(int folder, const char *path, int flags, ...);                               \
    int __wrap_##name(int folder, const char *path, int flags, ...)                                \
    {                                                                                              \
        va_list rest;                                                                              \
                                                                                                   \
        va_start(rest, flags);                                                                     \
        const mode_t mode = mode_of(flags, rest);                                                  \
        va_end(rest);                                                                              \
        return faults_hit(FAULT_SYSTEM) ? -1 : __real_##name(folder, path, flags, mode);           \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* --- randomness --- */

REAL_AND_WRAP(ssize_t, getrandom, (void *at, size_t len, unsigned int flags))
{
    return faults_hit(FAULT_RANDOM) ? -1 : __real_getrandom(at, len, flags);
}
