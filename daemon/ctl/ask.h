/* SPDX-License-Identifier: Apache-2.0 */
/* The admin service's calls as functions of plain structs: encode, one call to the daemon that the
 * arguments name, decode. Each failure comes with a sentence. */
#ifndef STEKD_CTL_ASK_H
#define STEKD_CTL_ASK_H

#include "base/err.h"
#include "ctl/args.h"
#include "wire/messages.h"

/* What is wrong with --server, --ca, --cert and --key, before anybody is asked. ERR_INVALID. */
enum err ask_check(const struct args *args, struct errbuf *why) MUST_USE;

/* The caller gives *out to wire_status_fini(). */
enum err ask_status(const struct args *args, struct wire_status *out, struct errbuf *why) MUST_USE;
enum err ask_realms(const struct args *args, struct wire_status *out, struct errbuf *why) MUST_USE;

/* The caller gives *out to wire_key_list_fini(). */
enum err ask_keys(const struct args *args, const char *realm, struct wire_key_list *out,
                  struct errbuf *why) MUST_USE;

enum err ask_rotate(const struct args *args, const struct wire_rotate *request,
                    struct wire_rotated *out, struct errbuf *why) MUST_USE;

/* The caller gives *out to wire_revoked_fini(). */
enum err ask_revoke(const struct args *args, const struct wire_revoke *request,
                    struct wire_revoked *out, struct errbuf *why) MUST_USE;

enum err ask_rekey(const struct args *args, const struct wire_rekey *request,
                   struct wire_rekeyed *out, struct errbuf *why) MUST_USE;

/* `realm` "": all that the caller may operate on. The caller gives *out to
 * wire_frontend_list_fini(). */
enum err ask_frontends(const struct args *args, const char *realm, struct wire_frontend_list *out,
                       struct errbuf *why) MUST_USE;

#endif
