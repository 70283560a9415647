/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's time for one resumed handshake over memory, first byte to SSL_free(): libstek's
 * rotating keys against OpenSSL's built-in static ones, handshake by handshake in turn. The
 * client's part is not measured.
 */
#include <stdbool.h>
#include <stdio.h>

#include "bench/bench.h"
#include "support/key_world.h"
#include "support/tls_pair.h"

#define HANDSHAKES 300 /* of a round, for each side */
#define STEPS      4

static int64_t serve_once(SSL_CTX *server_ctx, SSL_CTX *client_ctx, int version,
                          SSL_SESSION *ticket)
{
    SSL *server = NULL;
    SSL *client = NULL;
    SSL_SESSION *offer = SSL_SESSION_dup(ticket); /* a client marks it as spent */

    int64_t spent = 0;

    bench_pair(server_ctx, client_ctx, version, offer, &server, &client);
    for (int i = 0; i < STEPS && !(SSL_is_init_finished(server) && SSL_is_init_finished(client));
         i++) {
        (void)SSL_do_handshake(client);
        spent -= bench_wall_ns();
        (void)SSL_do_handshake(server);
        spent += bench_wall_ns();
    }
    bench_must(SSL_is_init_finished(server) && SSL_session_reused(server), "resuming");
    SSL_free(client);
    spent -= bench_wall_ns();
    SSL_free(server);
    spent += bench_wall_ns();
    SSL_SESSION_free(offer);
    return spent;
}

static SSL_SESSION *ticket_of(SSL_CTX *server, SSL_CTX *client, int version)
{
    struct tls_pair_result result;

    bench_must(tls_pair_handshake(server, client, version, NULL, &result) && result.session != NULL,
               "a ticket");
    return result.session;
}

struct side {
    SSL_CTX *server;
    SSL_SESSION *ticket;
    double ns[HANDSHAKES];
};

static double run_round(struct side sides[2], SSL_CTX *client, int version, bool is_odd)
{
    for (size_t i = 0; i < HANDSHAKES; i++) {
        for (size_t turn = 0; turn < 2; turn++) {
            struct side *side = &sides[(turn + (is_odd ? 1 : 0)) % 2];
            side->ns[i] = (double)serve_once(side->server, client, version, side->ticket);
        }
    }
    return bench_median(sides[0].ns, HANDSHAKES) / bench_median(sides[1].ns, HANDSHAKES);
}

static void compare(SSL_CTX *ours, SSL_CTX *built_in, int version, double goal)
{
    double ratios[BENCH_ROUNDS];
    static struct side sides[2];
    SSL_CTX *client = tls_pair_client_ctx();

    sides[0].server = ours;
    sides[1].server = built_in;
    for (size_t i = 0; i < 2; i++) {
        sides[i].ticket = ticket_of(sides[i].server, client, version);
    }
    (void)run_round(sides, client, version, false); /* to warm up */
    for (size_t round = 0; round < BENCH_ROUNDS; round++) {
        ratios[round] = run_round(sides, client, version, round % 2 == 1);
    }
    (void)printf("resumed handshake, us: ours %.1f, built-in %.1f\n",
                 bench_median(sides[0].ns, HANDSHAKES) / 1000,
                 bench_median(sides[1].ns, HANDSHAKES) / 1000);
    bench_report(version == TLS1_2_VERSION ? "handshake: TLS 1.2 resumed / built-in keys"
                                           : "handshake: TLS 1.3 resumed / built-in keys",
                 ratios, BENCH_ROUNDS, goal);
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION_free(sides[i].ticket);
    }
    SSL_CTX_free(client);
}

int main(void)
{
    static const unsigned char context[32] = "the context of the built-in keys";
    struct key_world world;

    key_world_init(&world);
    key_world_add(&world, 1, -KEY_WORLD_HOUR, 11 * KEY_WORLD_HOUR, 23 * KEY_WORLD_HOUR);
    SSL_CTX *ours = key_world_server(&world, "");
    SSL_CTX *built_in = tls_pair_server_ctx();
    /* Both sides carry a session-id context of 32 bytes in their tickets. */
    bench_must(built_in != NULL && SSL_CTX_set_session_id_context(built_in, context, 32) == 1,
               "a context");
    compare(ours, built_in, TLS1_2_VERSION, 0.985);
    compare(ours, built_in, TLS1_3_VERSION, 0.99);
    SSL_CTX_free(ours);
    SSL_CTX_free(built_in);
    key_world_fini(&world);
    return 0;
}
