# SPDX-License-Identifier: Apache-2.0
"""stekd under h2load over mutual TLS: no request fails, and the daemon is as before.

  load_test.py BUILD
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..")]
from harness import Bench, require, run_main, wait_until  # noqa: E402
from load import Load  # noqa: E402
from world import World  # noqa: E402

REQUESTS, CONNECTIONS, STREAMS = 5000, 100, 10
ANSWERED = ('stekd_rpc_server_calls_total{rpc_method="stek.v1.KeyService/GetKeyring",'
            'rpc_response_status_code="OK"}')


def test(build, _arguments):
    with Bench(build) as bench:
        world = World(bench)
        world.daemon.wait_for_active()
        load = Load(bench, world.frontend())
        succeeded, failed, size = load.get_keyring(world.port, REQUESTS, CONNECTIONS, STREAMS)
        require((succeeded, failed) == (REQUESTS, 0), f"{succeeded} succeeded, {failed} failed")
        # HTTP says 200 to every gRPC call: what counts is grpc-status, and that keys came.
        require(world.metric(ANSWERED) == REQUESTS, f"{world.metric(ANSWERED)} ended with OK")
        require(size > 100, f"an answer has {size:.0f} bytes: that is no keyring")
        require(world.metric('stekd_tls_handshakes_total{result="done"}') == CONNECTIONS,
                "not every connection's handshake was counted")
        wait_until("all connections are gone",
                   lambda: world.metric("stekd_connections") == 0 and
                   world.metric("stekd_handshakes_pending") == 0)
        require(not world.lines("level=error"), "the log has errors")


run_main(test)
