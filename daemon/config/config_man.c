/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_man.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/config_describe.h"
#include "config/config_keys.h"
#include "config/config_load.h"
#include "config/config_parse.h"
#include "keyring/policy.h"

/* Text here is written for print_text(): stars, underscores and the like mean themselves, and
 * `words` in back quotes are set in bold. */

#define LINE_MAX_LEN 62 /* of the source, so that it can be read, too */

static const char example[] =
    "deployment: example\n"
    "listen:\n"
    "  - address: 0.0.0.0:7443\n"
    "    tls: { certificate: tls/server.pem, private_key: tls/server.key, client_ca: tls/ca.pem }\n"
    "  - unix: /run/stekd/stekd.sock\n"
    "http: 127.0.0.1:7480\n"
    "store:\n"
    "  type: redis\n"
    "  address: redis.example.org:6379\n"
    "  username: stekd\n"
    "  password_file: redis.password\n"
    "  tls: { ca: tls/ca.pem }\n"
    "  key_encryption_keys: [kek/2026-11.key]\n"
    "operators: [\"spiffe://example.org/operator/*\", \"uid:0\"]\n"
    "realms:\n"
    "  web:\n"
    "    rotate_every: 12h\n"
    "    ticket_lifetime: 12h\n"
    "    readers: [\"spiffe://example.org/frontend/*\", \"dns:*.fe.example.org\", \"uid:33\"]\n"
    "  mail:\n"
    "    rotate_every: 1h\n"
    "    ticket_lifetime: 4h\n"
    "    readers: [\"spiffe://example.org/mail/*\"]\n";

const char *config_man_example(void)
{
    return example;
}

/* What can begin a line of scdoc's without meaning something there. */
static bool can_begin_line(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '`' ||
           c == '(';
}

/* `indent` stands before each line but the first. */
static void print_text(FILE *to, const char *text, const char *indent)
{
    size_t column = 0;

    for (const char *at = text; *at != '\0'; at++, column++) {
        if (*at == ' ' && column + strcspn(at + 1, " ") >= LINE_MAX_LEN && can_begin_line(at[1])) {
            (void)fprintf(to, "\n%s", indent);
            column = 0;
            continue;
        }
        if (*at != '`' && strchr("\\*_", *at) != NULL) {
            (void)fputc('\\', to);
        }
        (void)fputc(*at == '`' ? '*' : *at, to);
    }
}

static void print_paragraph(FILE *to, const char *text)
{
    print_text(to, text, "");
    (void)fputs("\n\n", to);
}

static void print_item(FILE *to, const char *text)
{
    (void)fputs("- ", to);
    print_text(to, text, "  ");
    (void)fputc('\n', to);
}

static void print_heading(FILE *to, const char *text)
{
    (void)fprintf(to, "# %s\n\n", text);
}

static void print_format(FILE *to)
{
    char line[256];

    print_heading(to, "DESCRIPTION");
    print_paragraph(to,
                    "`stekd`(8) reads its configuration from one YAML file, at start and again on "
                    "SIGHUP. A file is taken whole or not at all: everything that is wrong with it "
                    "is said at once, each with file, line and column, and a reload that fails "
                    "leaves the running configuration as it was. `stekd --check` and `stekctl "
                    "config check` say the same and do nothing else; the first reads the "
                    "certificates and keys that the file names, too.");
    print_paragraph(to, "Less is accepted than YAML allows, so that a mistake is not a meaning:");
    (void)snprintf(line, sizeof(line),
                   "UTF-8 text of at most %d bytes, one document, at most %d levels deep, with at "
                   "most %d entries in one place.",
                   CONFIG_FILE_MAX, CONFIG_DEPTH_MAX, CONFIG_CHILDREN_MAX);
    print_item(to, line);
    print_item(to, "No anchors, aliases, tags or merge keys; no tabs for indentation.");
    print_item(to, "An unknown key, a key given twice and a value of a wrong type are mistakes.");
    print_item(to, "A key has a value: to have the default, leave the key out.");
    print_item(to, "Durations are a whole number and one unit: `ms`, `s`, `m`, `h` or `d`, as in "
                   "`90m`. There is no duration without a unit.");
    print_item(to, "Paths of files that do not begin with / begin in the folder of the "
                   "configuration file; paths of Unix sockets begin with /.");
    print_item(to, "Addresses are HOST:PORT or, for IPv6, \"[ADDRESS]:PORT\" in quotes.");
    (void)fputc('\n', to);
}

static void print_principals(FILE *to)
{
    print_heading(to, "WHO MAY WHAT");
    print_paragraph(to,
                    "Nobody may do anything that is not said here. `readers` of a realm get its "
                    "keys; `operators` of a realm see and command it, and those at the top all "
                    "realms. A peer at a Unix socket is known by the user and group it runs as, a "
                    "peer at an address by the URI and DNS names of its certificate:");
    print_item(to, "`uid:33`, `uid:www-data`: a user, by number or by a name this system knows.");
    print_item(to, "`gid:33`, `gid:adm`: a group, likewise.");
    print_item(to, "`spiffe://example.org/frontend/*`: a URI; * stands for one whole segment of "
                   "its path.");
    print_item(to, "`dns:*.fe.example.org`: a DNS name; * stands for one whole label.");
    (void)fputc('\n', to);
    print_paragraph(to, "A * within a peer's certificate matches nothing.");
}

static bool has_value(const struct config_key *key)
{
    return !config_describe_is_container(key);
}

static void print_key(FILE *to, const struct config_key *key)
{
    (void)fputc('*', to);
    print_text(to, key->path, "");
    (void)fputs("*\n\t", to);
    print_text(to, key->sentence, "\t");
    (void)fputs("\n\n\tType: ", to);
    config_describe_value(key, to);
    (void)fputs(key->is_required ? ", required.\n\t" : ".\n\t", to);
    if (has_value(key) && !key->is_required) {
        (void)fputs("Default: ", to);
        print_text(to, key->preset, "\t");
        (void)fputs(".\n\t", to);
    }
    (void)fprintf(to, "A change takes effect %s.\n\n",
                  key->is_reloadable ? "on SIGHUP" : "after a restart");
}

static void print_keys(FILE *to)
{
    print_heading(to, "OPTIONS");
    print_paragraph(to, "A key below another is written with a dot, an entry of a list with [], "
                        "and a name of your choice with *: `listen[].unix`, `realms.*.readers`. "
                        "What is required below a section is so if the section is there.");
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        if (key->since != NULL) {
            print_key(to, key);
        }
    }
}

static void print_rules(FILE *to)
{
    char line[256];

    print_heading(to, "RULES BETWEEN OPTIONS");
    print_item(to, "An entry of `listen` has `unix`, or `address` and `tls`; `mode` belongs to "
                   "`unix`. No two entries listen in the same place.");
    print_item(to, "`store.type` `memory` has no other option. `file` needs `path` and "
                   "`key_encryption_keys`. `redis` needs `key_encryption_keys`, and `address` or "
                   "`sentinel`; a `username` needs a `password_file`; `tls` is for TCP only, and "
                   "its `certificate` and `private_key` go together.");
    print_item(to, "`rotate_every` is at least 8 times `sync_interval`: otherwise keys rotate "
                   "faster than they spread.");
    print_item(to, "`max_offline`, where it is set, is at least `sync_interval`, and "
                   "`max_session_age` at least `ticket_lifetime`.");
    (void)snprintf(line, sizeof(line),
                   "A key lives %s at most, from publication to destruction: (`keys_ahead` + 1) x "
                   "`rotate_every` + `ticket_lifetime` + 4 x `sync_interval`.",
                   text_span_of(POLICY_LIFE_MAX_MS).text);
    print_item(to, line);
    (void)snprintf(line, sizeof(line),
                   "A realm has at most %d keys at a time: that life, divided by `rotate_every`.",
                   POLICY_RING_MAX);
    print_item(to, line);
    print_item(to, "Files with private keys, passwords and key-encryption keys are closed to other "
                   "users and belong to root or to the user of stekd.");
    (void)fputc('\n', to);
    print_paragraph(to, "A new policy of a realm applies to keys made from then on: to hurry, "
                        "`stekctl rotate`. All daemons of a fleet have the same policies; a "
                        "difference is a warning in `stekctl status` until it is gone.");
}

static void print_end(FILE *to)
{
    print_heading(to, "EXAMPLE");
    print_paragraph(to, "One daemon of a fleet. `stekctl pki` makes such certificates and keys for "
                        "trying it, `stekctl config sample` prints a file with every option.");
    (void)fprintf(to, "```\n%s```\n\n", example);
    print_heading(to, "FILES");
    print_paragraph(to, "`/etc/stekd/stekd.yaml`: where stekd looks unless `--config` says "
                        "otherwise.");
    print_heading(to, "SEE ALSO");
    print_text(to, "`stekd`(8), `stekctl`(1), `libstek`(3), `stek-security`(7)\n", "");
}

void config_man_print(FILE *to)
{
    (void)fputs("stekd.yaml(5)\n\n", to);
    (void)fputs("; Made by `stekctl config man` from the table in daemon/config/config_keys.c.\n\n",
                to);
    print_heading(to, "NAME");
    print_paragraph(to, "stekd.yaml - configuration of stekd");
    print_format(to);
    print_principals(to);
    print_keys(to);
    print_rules(to);
    print_end(to);
}
