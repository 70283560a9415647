/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ringmap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/secret.h"
#include "src/ringmap_layout.h"

static enum err init_mutex(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) {
        return ERR_IO;
    }
    int rc = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (rc == 0) {
        rc = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    }
    if (rc == 0) {
        rc = pthread_mutex_init(mutex, &attributes);
    }
    (void)pthread_mutexattr_destroy(&attributes);
    return rc == 0 ? ERR_OK : ERR_IO;
}

static enum err check_realms(const char *const *realms, size_t realm_count, size_t contexts_max,
                             struct errbuf *why)
{
    if (realm_count == 0 || realm_count > RINGMAP_REALMS_MAX) {
        errbuf_set(why, "%zu realms: there must be 1 to %d", realm_count, RINGMAP_REALMS_MAX);
        return ERR_INVALID;
    }
    if (contexts_max == 0 || contexts_max > RINGMAP_CONTEXTS_MAX) {
        errbuf_set(why, "%zu contexts: there must be 1 to %d", contexts_max, RINGMAP_CONTEXTS_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < realm_count; i++) {
        if (!text_is_realm_name(realms[i])) {
            errbuf_set(why, "realm %zu has no valid name", i + 1);
            return ERR_INVALID;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(realms[i], realms[j]) == 0) {
                errbuf_set(why, "realm %s is listed twice", realms[i]);
                return ERR_INVALID;
            }
        }
    }
    return ERR_OK;
}

/* Locked, because the pages hold keys and swap is a disk; undumpable, because a core file is. */
static enum err protect(const struct ringmap *map, struct errbuf *why)
{
    if (mlock(map->shared, map->size) != 0) {
        errbuf_set(why, "cannot lock %zu KiB of memory for the keyring: %s; raise RLIMIT_MEMLOCK",
                   map->size / 1024, strerror(errno));
        return ERR_LIMIT;
    }
    if (madvise(map->shared, map->size, MADV_DONTDUMP) != 0) {
        errbuf_set(why, "cannot keep the keyring out of core dumps: %s", strerror(errno));
        return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum err map_pages(struct ringmap *map, struct errbuf *why)
{
    const size_t realms_at = sizeof(struct layout_shared);
    const size_t contexts_at = realms_at + map->realm_count * sizeof(struct layout_realm);
    const size_t size = contexts_at + map->contexts_max * sizeof(struct layout_context);
    uint8_t *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        errbuf_set(why, "cannot map %zu KiB: %s", size / 1024, strerror(errno));
        return ERR_NOMEM;
    }
    map->size = size;
    map->shared = (void *)pages;
    map->realms = (void *)(pages + realms_at);
    map->contexts = (void *)(pages + contexts_at);
    return protect(map, why);
}

enum err ringmap_new(const char *const *realms, size_t realm_count, size_t contexts_max,
                     struct ringmap **out_map, struct errbuf *why)
{
    struct ringmap *map = NULL;
    enum err rc = check_realms(realms, realm_count, contexts_max, why);
    if (rc != ERR_OK) {
        goto out;
    }
    map = calloc(1, sizeof(*map));
    if (map == NULL) {
        rc = ERR_NOMEM;
        errbuf_set(why, "out of memory");
        goto out;
    }
    map->realm_count = realm_count;
    map->contexts_max = contexts_max;
    rc = map_pages(map, why);
    if (rc != ERR_OK) {
        goto out;
    }
    if (init_mutex(&map->shared->writer) != ERR_OK || init_mutex(&map->shared->driver) != ERR_OK) {
        rc = ERR_IO;
        errbuf_set(why, "the system refused a robust process-shared mutex");
        goto out;
    }
    layout_store(&map->shared->offset_ms, LAYOUT_NO_TIME);
    for (size_t i = 0; i < realm_count; i++) {
        rc = text_copy(map->realms[i].name, sizeof(map->realms[i].name), realms[i]);
        assert(rc == ERR_OK);
    }
    *out_map = map;
    map = NULL;

out:
    ringmap_free(map);
    return rc;
}

void ringmap_free(struct ringmap *map)
{
    if (map == NULL) {
        return;
    }
    /* Not wiped: other processes still use these pages. The kernel clears them when the last one
     * has let go. The mutexes are not destroyed for the same reason. */
    if (map->shared != NULL) {
        (void)munmap(map->shared, map->size);
    }
    free(map);
}

enum err ringmap_lock_here(struct ringmap *map)
{
    return mlock(map->shared, map->size) == 0 ? ERR_OK : ERR_LIMIT;
}

size_t ringmap_realm_count(const struct ringmap *map)
{
    return map->realm_count;
}

int ringmap_find_realm(const struct ringmap *map, const char *realm)
{
    for (size_t i = 0; i < map->realm_count; i++) {
        if (strcmp(map->realms[i].name, realm) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *ringmap_realm_name(const struct ringmap *map, size_t realm)
{
    assert(realm < map->realm_count);
    return map->realms[realm].name;
}

/* Derives the published keys' subkeys for a context that nobody can see yet. */
static enum err derive_published(struct layout_realm *realm, struct layout_context *context)
{
    const uint64_t generation = layout_load(&realm->generation);
    struct layout_slot *slot = &realm->slots[generation & 1];
    const size_t live = layout_load(&slot->live);
    struct subkeys subkeys;
    uint8_t bytes[KEY_LEN];
    enum err rc = ERR_OK;

    for (size_t i = 0; i < live && rc == ERR_OK; i++) {
        layout_load_bytes(bytes, slot->bytes[i], LAYOUT_BYTES);
        rc = derive_subkeys(bytes, realm->name, context->text, &subkeys);
        if (rc == ERR_OK) {
            layout_store_bytes(context->subkeys[generation & 1][i], &subkeys, LAYOUT_SUBKEYS);
        }
    }
    secret_wipe(bytes, sizeof(bytes));
    secret_wipe(&subkeys, sizeof(subkeys));
    return rc;
}

/* Needs no lock: what is counted never changes. */
static bool find_context(const struct ringmap *map, size_t realm, const char *text, size_t *out)
{
    const size_t count = layout_load(&map->shared->context_count);
    for (size_t i = 0; i < count; i++) {
        if (layout_load(&map->contexts[i].realm) == realm &&
            strcmp(map->contexts[i].text, text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Holds the writer mutex. Readers learn of the context only by its index, which is given out after
 * the count: so filling needs no generation. */
static enum err add_context(struct ringmap *map, size_t realm, const char *text, size_t *out)
{
    const size_t at = layout_load(&map->shared->context_count);
    if (at == map->contexts_max) {
        return ERR_LIMIT;
    }
    struct layout_context *context = &map->contexts[at];
    enum err rc = text_copy(context->text, sizeof(context->text), text);
    if (rc != ERR_OK) {
        return ERR_INVALID;
    }
    layout_store(&context->realm, realm);
    rc = derive_published(&map->realms[realm], context);
    if (rc != ERR_OK) {
        layout_zero(&context->subkeys[0][0][0], 2 * RINGMAP_LIVE_MAX * LAYOUT_SUBKEYS);
        return rc;
    }
    layout_store(&map->shared->context_count, at + 1);
    *out = at;
    return ERR_OK;
}

enum err ringmap_register(struct ringmap *map, size_t realm, const char *context,
                          size_t *out_context)
{
    assert(realm < map->realm_count);
    if (strlen(context) > CONTEXT_MAX) {
        return ERR_INVALID;
    }
    if (find_context(map, realm, context, out_context)) {
        return ERR_OK;
    }
    enum err rc = ringmap_writer_lock(map);
    if (rc != ERR_OK) {
        return rc;
    }
    /* Again: another process may have registered it meanwhile. */
    if (!find_context(map, realm, context, out_context)) {
        rc = add_context(map, realm, context, out_context);
    }
    ringmap_writer_unlock(map);
    return rc;
}
