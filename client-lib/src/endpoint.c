/* SPDX-License-Identifier: Apache-2.0 */
#include "src/endpoint.h"

#include <string.h>

#include "base/text.h"

#define SCHEME "unix:"

/* A last colon followed by digits only. */
static bool looks_like_host_and_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    return colon != NULL && colon != text && colon[1] != '\0' &&
           strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

enum err endpoint_parse(const char *text, struct endpoint *out, struct errbuf *why)
{
    struct endpoint parsed;
    if (!text_is_label(text, ENDPOINT_PATH_MAX + sizeof(SCHEME))) {
        errbuf_set(why, "an endpoint is \"unix:/absolute/path\" of at most %d bytes of path",
                   ENDPOINT_PATH_MAX);
        return ERR_INVALID;
    }
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0) {
        if (looks_like_host_and_port(text)) {
            errbuf_set(why, "\"%s\": TCP endpoints are not in this version; use unix:/path", text);
            return ERR_UNSUPPORTED;
        }
        errbuf_set(why, "\"%s\": an endpoint is \"unix:/absolute/path\"", text);
        return ERR_INVALID;
    }
    const char *path = text + strlen(SCHEME);
    if (path[0] != '/') {
        errbuf_set(why, "\"%s\": the path must be absolute: unix:/run/stekd/stekd.sock", text);
        return ERR_INVALID;
    }
    if (text_copy(parsed.path, sizeof(parsed.path), path) != ERR_OK) {
        errbuf_set(why, "\"%s\": the path has more than %d bytes", text, ENDPOINT_PATH_MAX);
        return ERR_INVALID;
    }
    *out = parsed;
    return ERR_OK;
}
