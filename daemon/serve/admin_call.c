/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/admin_call.h"

#include "ops/audit.h"

enum err admin_call_find_realm(struct call *call, const char *realm, struct replica **out_replica)
{
    struct errbuf why;

    if (!call_authorize(call, AUTHZ_OPERATE, realm)) {
        return ERR_DENIED;
    }
    struct replica *replica = hub_replica(call_services(call)->hub, realm);
    if (replica == NULL) {
        errbuf_set(&why, "there is no realm \"%s\"", realm);
        call_finish(call, ERR_NOT_FOUND, why.text);
        return ERR_NOT_FOUND;
    }
    *out_replica = replica;
    return ERR_OK;
}

void admin_call_audit(struct call *call, const struct admin_act *act, enum err outcome,
                      const char *detail)
{
    char who[PEER_TEXT_MAX];

    peer_format(call_peer(call), who);
    const struct audit_entry entry = {
        .who = who,
        .what = act->what,
        .realm = act->realm,
        .key_name = act->key_name,
        .why = act->reason,
        .outcome = outcome,
        .detail = detail,
    };
    audit_write(call_services(call)->log, &entry);
}

void admin_call_audit_denied(struct call *call, const struct admin_act *act)
{
    struct errbuf detail = {""};
    int64_t unlogged = 0;

    if (!call_may_log(call, call_services(call)->lines->audited, &unlogged)) {
        return;
    }
    if (unlogged > 0) {
        errbuf_set(&detail, "%lld before it are not written", (long long)unlogged);
    }
    admin_call_audit(call, act, ERR_DENIED, detail.text);
}

void admin_call_audit_failed(struct call *call, const struct admin_act *act, enum err rc)
{
    if (rc == ERR_DENIED) {
        admin_call_audit_denied(call, act);
    } else {
        admin_call_audit(call, act, rc, NULL);
    }
}
