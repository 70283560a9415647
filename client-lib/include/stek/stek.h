/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libstek: keeps a TLS frontend's session ticket keys in step with stekd.
 *
 * The keyring lives in one shared, locked, undumpable mapping that every process forked after
 * stek_client_new() inherits. One process drives it (a robust process-shared mutex elects it, and
 * another takes over when it dies); all of them read it without waiting.
 *
 * Threads: options belong to one thread. Functions on a client may be called from any thread
 * unless they say otherwise. Nothing here touches signals, allocators, locale or any other
 * process-wide setting.
 */
#ifndef STEK_STEK_H
#define STEK_STEK_H

#include <stddef.h>
#include <stdint.h>

#include <stek/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define STEK_API      __attribute__((visibility("default")))
#define STEK_MUST_USE __attribute__((warn_unused_result))
#else
#define STEK_API
#define STEK_MUST_USE
#endif

/* Codes are only ever added. */
enum stek_status {
    STEK_OK = 0,
    STEK_ERR_INVALID = 1,       /* an argument is wrong */
    STEK_ERR_NOMEM = 2,         /* out of memory */
    STEK_ERR_LOCKED_MEMORY = 3, /* memory could not be locked: raise RLIMIT_MEMLOCK */
    STEK_ERR_TIMEOUT = 4,       /* not within the time given */
    STEK_ERR_NO_KEYS = 5,       /* nothing usable is held (yet) */
    STEK_ERR_UNKNOWN_REALM = 6, /* not one of the client's realms */
    STEK_ERR_TOO_SMALL = 7,     /* the caller's buffer holds fewer than there are */
    STEK_ERR_REFUSED = 8,       /* this SSL_CTX or process state does not allow it */
    STEK_ERR_UNSUPPORTED = 9,   /* not in this version of libstek, or of OpenSSL */
    STEK_ERR_SYSTEM = 10,       /* the system refused a thread, a mapping, a mutex */
    STEK_ERR_CRYPTO = 11        /* OpenSSL failed */
};

/* A short constant text; never NULL. Any thread. */
STEK_API const char *stek_status_text(enum stek_status status);

/* The version of the library linked at run time, "MAJOR.MINOR.PATCH". Compare with STEK_VERSION,
 * which is the header's. */
STEK_API const char *stek_version(void);

struct stek_options;
struct stek_client;

/* NULL when out of memory. The caller owns it: stek_options_free(). */
STEK_API STEK_MUST_USE struct stek_options *stek_options_new(void);
/* NULL allowed. */
STEK_API void stek_options_free(struct stek_options *options);

/* "host:port" or "[v6 address]:port" (mutual TLS 1.3; stek_options_set_tls() is needed), or
 * "unix:/absolute/path". Up to 8; any one serves, tried in order from a random start, a host's
 * addresses in turn. Copied. A name is looked up by a short-lived thread of its own, which takes no
 * signal, each time a connection is made. */
STEK_API STEK_MUST_USE enum stek_status stek_options_add_endpoint(struct stek_options *options,
                                                                  const char *endpoint);
/*
 * PEM files for "host:port" endpoints: whose certificates the daemons have, our own certificate
 * (leaf first; its extended key usage names clientAuth), its private key (not encrypted, and nobody
 * else's to use: mode 0600 or 0640). All three are needed. Copied; again: replaces.
 *
 * The daemon's certificate must be issued by one of the CAs, be made for servers (serverAuth), and
 * have the endpoint's host, as it is written there, among its DNS names or IP addresses; common
 * name and wildcards do not count.
 *
 * stek_client_new() reads and checks them, so that a server may give up the right to read them.
 * Afterwards the driving process looks at each new connection, and every ten seconds, whether they
 * have changed, and makes a new connection with a sound new set; a set that is not sound is told by
 * stek_client_status() and the log, and the one before stays in use. The private key's bytes lie in
 * locked, undumped memory that forked children inherit; what OpenSSL makes of them lies in its own
 * memory while a connection does.
 */
STEK_API STEK_MUST_USE enum stek_status stek_options_set_tls(struct stek_options *options,
                                                             const char *ca_file,
                                                             const char *certificate_file,
                                                             const char *key_file);
/* A realm to follow. Up to 64, each once. Copied. */
STEK_API STEK_MUST_USE enum stek_status stek_options_add_realm(struct stek_options *options,
                                                               const char *realm);
/* How operators see this frontend; default: the host name. 1 to 127 bytes of printable UTF-8. */
STEK_API STEK_MUST_USE enum stek_status stek_options_set_name(struct stek_options *options,
                                                              const char *name);
/* How many different (realm, context) pairs may ever be attached or read; default 16, at most
 * 1024. Each costs about 8 KiB of locked memory. */
STEK_API STEK_MUST_USE enum stek_status stek_options_set_max_contexts(struct stek_options *options,
                                                                      unsigned int count);

enum stek_log_level { STEK_LOG_ERROR = 0, STEK_LOG_WARNING = 1, STEK_LOG_INFO = 2 };
/* `message` is one line without a newline, never a key byte. Called from the driving thread, and
 * from inside stek_client_reload_tls(); must not call back into the client. */
typedef void (*stek_log_fn)(void *arg, enum stek_log_level level, const char *message);
/* `arg` is borrowed for the client's life. NULL (the default): silent. */
STEK_API void stek_options_set_log(struct stek_options *options, stek_log_fn log, void *arg);

/* What was wrong with the last call on `options` that failed (stek_client_new included), as a
 * sentence: what, where, what to do. "" when none failed. Borrowed until the next call. */
STEK_API const char *stek_options_error(const struct stek_options *options);

/* Makes the shared mapping and reads the TLS files. Connects to nothing, starts nothing. Call it
 * before forking workers and before dropping privileges. `options` is read during the call and not
 * kept. On STEK_OK the caller owns *out_client; on failure it is untouched. */
STEK_API STEK_MUST_USE enum stek_status stek_client_new(struct stek_options *options,
                                                        struct stek_client **out_client);
/* Starts this process's thread: it drives if nobody does, else stands by. In any or all of the
 * processes that inherited the client. Calling it again in the same process does nothing; after
 * fork() the child calls it again (a thread does not survive a fork). */
STEK_API STEK_MUST_USE enum stek_status stek_client_start(struct stek_client *client);
/* Blocks up to `timeout_ms` until every realm has a snapshot, STEK_ERR_TIMEOUT otherwise. Not
 * required: without keys handshakes are full. */
STEK_API STEK_MUST_USE enum stek_status stek_client_wait(struct stek_client *client,
                                                         int timeout_ms);
/*
 * Reads the TLS files again now, with the rights that the caller has now. Not needed where the
 * driving process may read them, for it looks by itself: it is for a parent that can, before it
 * forks new workers that cannot. In this process the driver makes a new connection with a sound new
 * set within ten seconds; processes forked later inherit it, those forked earlier do not get it.
 *
 * STEK_ERR_INVALID: they are not sound (the log callback gets the sentence, from inside this call),
 * and the set before stays in use; or no TLS was set. STEK_ERR_LOCKED_MEMORY, STEK_ERR_NOMEM,
 * STEK_ERR_CRYPTO.
 */
STEK_API STEK_MUST_USE enum stek_status stek_client_reload_tls(struct stek_client *client);
/* Stops this process's thread (blocks until it ended, under a second) and leaves the mapping;
 * other processes are not affected. Every SSL_CTX attached in this process must be freed first,
 * or never used again. NULL allowed. */
STEK_API void stek_client_free(struct stek_client *client);

/* Counters since the client was made, over all its processes. */
struct stek_counters {
    uint64_t issued;          /* tickets encrypted */
    uint64_t decrypted;       /* tickets opened (and accepted as far as we decide) */
    uint64_t renewed;         /* of them, answered "renew" */
    uint64_t unknown_key;     /* no such name, or not sealed by that key: foreign, forged, cut off,
                                 or dropped long ago */
    uint64_t refused_old;     /* revoked, past dropped_from, past its own or max_session_age */
    uint64_t no_key;          /* a ticket was wanted and nothing was active */
    uint64_t policy_mismatch; /* session-id context or verify mode changed after attach, or a
                                 ticket offered under another server name than its own */
    uint64_t crypto_failures; /* OpenSSL or its RNG failed; the handshake went on without us */
    uint64_t busy;            /* a lookup gave up after 8 tries (answered "no key") */
    uint64_t max_tries;       /* the most tries any lookup took; at most 8 */
};

struct stek_realm_status {
    int has_snapshot;
    int is_synced;  /* age_ms <= sync_interval_ms */
    int64_t age_ms; /* since a daemon last read the store; -1 before the first contact */
    int64_t sync_interval_ms;
    int64_t first_active_in_ms; /* 0: a key is active now; -1: none is scheduled */
    unsigned int keys;          /* that decrypt now */
    uint8_t digest[32];         /* of the newest snapshot; zero before the first */
    int64_t clock_skew_ms;      /* this host's wall clock minus the fleet's */
    int64_t driver_pid;         /* of the process that drives now; 0: nobody */
    struct stek_counters counters;
    char last_error[256]; /* "" when all is well */
};

/* `size` is sizeof(struct stek_realm_status) of the caller: fields are only added at the end.
 * Never blocks. */
STEK_API STEK_MUST_USE enum stek_status stek_client_status(struct stek_client *client,
                                                           const char *realm,
                                                           struct stek_realm_status *out_status,
                                                           size_t size);

/* One key for other TLS libraries. `aes` and `hmac` are derived for the realm and context given.
 * Times are Unix milliseconds of the fleet's clock. */
struct stek_key {
    uint8_t name[16];
    uint8_t aes[32];
    uint8_t hmac[32];
    int64_t active_from_ms;
    int64_t retired_from_ms;
    int64_t dropped_from_ms;
    int encrypts; /* non-zero: new tickets are made with this key (only ever the first) */
};

/* Fills keys[] (of `key_size` = sizeof(struct stek_key) each, at most `capacity`) with every key
 * that decrypts now, the encrypting one first if there is one, then by active_from, newest first.
 * `*out_count` is how many. STEK_ERR_TOO_SMALL: *out_count says how many there are and nothing is
 * filled. STEK_ERR_NO_KEYS: none. Never blocks on a handshake path; the first call for a new
 * (realm, context) derives subkeys and may take a lock for a moment. Wipe after use. */
STEK_API STEK_MUST_USE enum stek_status stek_keyring_read(struct stek_client *client,
                                                          const char *realm, const char *context,
                                                          struct stek_key *keys, size_t key_size,
                                                          size_t capacity, size_t *out_count);
/* Wipes keys[0..count). */
STEK_API void stek_keyring_wipe(struct stek_key *keys, size_t key_size, size_t count);

#ifdef __cplusplus
}
#endif

#endif
