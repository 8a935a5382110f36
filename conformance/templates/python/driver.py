"""The driver of my-backend: serves its interfaces over gRPC until SIGTERM or Ctrl-C.

Where to listen comes as an argument or in PRISM_ADDRESS: `127.0.0.1:50051`, or `unix:/some/path.sock`. Settings come
with Lifecycle.Initialize; nothing is opened before Lifecycle.Start.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys

import stubs

stubs.ensure()

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health
from prism.keyvalue.v1 import keyvalue_basic_pb2_grpc
from prism.lifecycle.v1 import lifecycle_pb2_grpc

from calls import NotServed
from keyvalue_basic import KeyValueBasic
from lifecycle import Lifecycle

NAME = "my-backend"
VERSION = "0.1.0"

# The largest message that is taken, in bytes: the largest declared value and room for what is around it.
MAX_MESSAGE_BYTES = 16 << 20

# How long calls that are in flight at SIGTERM may take to end, in seconds.
GRACE = 3


async def serve(address: str) -> None:
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # A port that somebody else listens on is an error and is not shared.
            ("grpc.so_reuseport", 0),
        ]
    )
    healths = health.HealthServicer()
    lifecycle = Lifecycle(NAME, VERSION, [KeyValueBasic], healths)
    lifecycle_pb2_grpc.add_LifecycleServicer_to_server(lifecycle, server)
    health_pb2_grpc.add_HealthServicer_to_server(healths, server)
    keyvalue_basic_pb2_grpc.add_KeyValueBasicServicer_to_server(KeyValueBasic(lifecycle), server)
    # The last one: whatever no service above answers.
    server.add_generic_rpc_handlers((NotServed(),))

    server.add_insecure_port(address)
    await lifecycle.publish_health()
    await server.start()
    logging.info("%s serves on %s", NAME, address)

    asked_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_end.set)
    await asked_to_end.wait()
    await server.stop(GRACE)
    await lifecycle.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=f"The driver of {NAME}.")
    parser.add_argument(
        "--listen",
        default=os.environ.get("PRISM_ADDRESS", "127.0.0.1:50051"),
        metavar="ADDRESS",
        help="host:port or unix:PATH (default: $PRISM_ADDRESS, else 127.0.0.1:50051)",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        asyncio.run(serve(arguments.listen))
    except RuntimeError as error:
        print(f"{NAME} cannot listen on {arguments.listen}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
