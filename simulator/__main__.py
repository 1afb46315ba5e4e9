"""`python -m simulator`: reads the command line and serves."""

from __future__ import annotations

import argparse

import msgspec

from simulator import parent, server
from simulator.app import DEFAULT_BODY_BYTES, DEFAULT_LOG_SIZE, Settings
from simulator.behaviour import Behaviour


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Simulates the model providers' HTTP APIs."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="0 picks a free one")
    parser.add_argument("--latency-ms", type=float, help="wait before every answer")
    parser.add_argument("--chunk-ms", type=float, help="time that each chunk of a stream takes")
    parser.add_argument("--output-tokens", type=int, help="length of every text")
    parser.add_argument(
        "--log-size", type=int, default=DEFAULT_LOG_SIZE, help="requests kept in the log; 0 keeps only totals"
    )
    parser.add_argument(
        "--max-body-bytes", type=int, default=DEFAULT_BODY_BYTES, help="larger bodies are answered with 413"
    )
    parser.add_argument("--parent-pid", type=int, help="stop when this process, which started the simulator, ends")
    options = parser.parse_args()
    if options.parent_pid is not None:
        parent.stop_with(options.parent_pid)
    given = {"latency_ms": options.latency_ms, "chunk_ms": options.chunk_ms, "output_tokens": options.output_tokens}
    try:
        defaults = msgspec.convert(given, Behaviour)
    except msgspec.ValidationError as error:
        parser.error(str(error))
    if options.log_size < 0 or options.max_body_bytes < 1:
        parser.error("--log-size must be 0 or more, --max-body-bytes 1 or more")
    settings = Settings(defaults=defaults, log_size=options.log_size, body_limit_bytes=options.max_body_bytes)
    try:
        server.run(settings, host=options.host, port=options.port)
    except OSError as error:
        parser.error(f"cannot listen on {options.host}:{options.port}: {error}")


if __name__ == "__main__":
    main()
