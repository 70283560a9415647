/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/router.h"

#include <assert.h>
#include <string.h>

#include "serve/rpc_admin.h"
#include "serve/rpc_frontends.h"
#include "serve/rpc_health.h"
#include "serve/rpc_keys.h"
#include "serve/rpc_reflection.h"
#include "serve/rpc_rekey.h"
#include "serve/rpc_revoke.h"

static const struct method *const methods[] = {
    &rpc_keys_get,           &rpc_keys_watch,      &rpc_admin_get_status,
    &rpc_admin_list_realms,  &rpc_admin_list_keys, &rpc_admin_rotate,
    &rpc_admin_revoke,       &rpc_admin_rekey,     &rpc_admin_list_frontends,
    &rpc_health_check,       &rpc_health_watch,    &rpc_reflection_v1,
    &rpc_reflection_v1alpha,
};

#define METHOD_COUNT (sizeof(methods) / sizeof(methods[0]))

_Static_assert(METHOD_COUNT < SERVE_METHODS_MAX, "every method has its row in serve_stats");

const struct method *router_find(const char *path)
{
    for (size_t i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(methods[i]->path, path) == 0) {
            return methods[i];
        }
    }
    return NULL;
}

size_t router_method_count(void)
{
    return METHOD_COUNT;
}

const struct method *router_method_at(size_t index)
{
    assert(index < METHOD_COUNT);
    return methods[index];
}

size_t router_index_of(const struct method *method)
{
    size_t index = 0;

    while (index < METHOD_COUNT && methods[index] != method) {
        index++;
    }
    return index;
}
