/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_pki.h"

#include <stdio.h>

#include "base/clock.h"
#include "ctl/moment.h"
#include "ctl/pki_args.h"
#include "ctl/pki_make.h"
#include "ctl/show.h"
#include "host/clock_system.h"
#include "host/random_system.h"

static void show_json(const struct pki_args *args, const struct pki_made *made)
{
    struct json json = show_json_start(stdout, "pki");

    json_string(&json, "act", args->act_name);
    json_open_array(&json, "files");
    for (size_t i = 0; i < made->path_count; i++) {
        json_string(&json, NULL, made->paths[i]);
    }
    json_close_array(&json);
    json_open_array(&json, "names");
    for (size_t i = 0; i < made->name_count; i++) {
        json_open_object(&json, NULL);
        json_string(&json, "kind", pki_name_kind_text(made->names[i].kind));
        json_string(&json, "name", made->names[i].text);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_time(&json, "valid_until", made->until_ms);
    json_close_object(&json);
}

/* What to do with the files, for a person who sees this for the first time. */
static void show_use(const struct pki_args *args, const struct pki_made *made)
{
    const char *first = made->paths[0];
    const char *second = made->paths[1];

    switch (args->act) {
    case PKI_ACT_CA:
        (void)printf("%s: give it to every daemon (client_ca) and everybody who connects (--ca)\n"
                     "%s: signs certificates; leave it here, and give it to nobody\n",
                     first, second);
        break;
    case PKI_ACT_SERVER:
        (void)printf(
            "stekd.yaml:  tls: { certificate: %s, private_key: %s, client_ca: %s/ca.pem }\n", first,
            second, args->ca_dir);
        break;
    case PKI_ACT_CLIENT:
        (void)printf("stekd.yaml:  readers: [\"%s%s\"]\n"
                     "libstek:     stek_options_set_tls(options, \"%s/ca.pem\", \"%s\", \"%s\")\n",
                     made->names[0].kind == PKI_NAME_DNS ? "dns:" : "", made->names[0].text,
                     args->ca_dir, first, second);
        break;
    case PKI_ACT_OPERATOR:
        (void)printf("stekd.yaml:  operators: [\"%s%s\"]\n"
                     "stekctl --server HOST:PORT --ca %s/ca.pem --cert %s --key %s status\n",
                     made->names[0].kind == PKI_NAME_DNS ? "dns:" : "", made->names[0].text,
                     args->ca_dir, first, second);
        break;
    case PKI_ACT_CRL:
        (void)printf("stekd.yaml:  tls: { ..., crl: %s }   and then: systemctl reload stekd\n",
                     first);
        break;
    case PKI_ACT_KEK:
        (void)printf("stekd.yaml:  key_encryption_keys: [%s]   the same file on every daemon;\n"
                     "whoever loses it loses the keys in the store, and nothing else\n",
                     first);
        break;
    }
}

static void show_text(const struct pki_args *args, const struct pki_made *made)
{
    for (size_t i = 0; i < made->path_count; i++) {
        (void)printf("%s%s", i == 0 ? "wrote " : " and ", made->paths[i]);
    }
    for (size_t i = 0; i < made->name_count; i++) {
        (void)printf("%s%s %s", i == 0 ? ", for " : ", ", pki_name_kind_text(made->names[i].kind),
                     made->names[i].text);
    }
    if (made->until_ms != 0) {
        (void)printf(", valid until %.10s", moment_iso(made->until_ms).text);
    }
    (void)puts("");
    show_use(args, made);
}

enum exit_code cmd_pki(const struct args *args)
{
    const struct random_source random = random_system_make();
    const struct clock clock = clock_system_make();
    struct pki_args pki = {.act = PKI_ACT_CA};
    struct pki_made made = {.path_count = 0};
    struct errbuf why = {""};

    enum err rc = pki_args_parse(args->rest_count, args->rest, args->output, &pki, &why);
    if (rc == ERR_OK && pki.is_help) {
        (void)fputs(pki_args_help(), stdout);
        return EXIT_CODE_DONE;
    }
    if (rc == ERR_OK) {
        rc = pki_make(&pki, clock_wall_ms(&clock), &random, &made, &why);
    }
    if (rc == ERR_INVALID) {
        (void)exit_code_report(rc, &why);
        (void)fputs("\"stekctl pki --help\" shows what there is\n", stderr);
        return EXIT_CODE_USAGE;
    }
    if (rc != ERR_OK) {
        return exit_code_report(rc, &why);
    }
    if (pki.output == ARGS_OUTPUT_JSON) {
        show_json(&pki, &made);
    } else {
        show_text(&pki, &made);
    }
    return EXIT_CODE_DONE;
}
