"""`make fuzz`, to a gateway of its own: Schemathesis sends what the OpenAPI documents allow, and what they do not; then come bodies of both
chat formats that are nearly right (`bodies`), and requests that are nearly HTTP (`wire`). None may be a 500, hang, answer in no format, be
taken for two, or stay in memory.

What is wrong has to be refused by the management API; bodies under /v1/ are the providers' formats, of which Tollgate refuses what it
reads and cannot understand, and passes the rest on, so there it only has to be answered well.
It works with one thread: Python's parser, which it uses, fails in two at once before Python 3.11.9.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import stack
from tests.fuzz import chatting, wire

MODELS = ("gpt-4o", "claude-sonnet-4-5", "text-embedding-3-small")
# How often somebody calls is not what is looked at.
os.environ |= {"TOLLGATE_MANAGEMENT_PER_MINUTE": "1000000", "TOLLGATE_MANAGEMENT_UNKNOWN_PER_MINUTE": "1000000"}
REFUSED = re.compile(r" WARNING django\.request | django\.security\.|^Invalid HTTP request received|^tollgate: serving")
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,ignored_auth"
STRICT = f"{CHECKS},negative_data_rejection"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--schemathesis", required=True, type=Path, help="its program, from an environment of its own")
    parser.add_argument("--examples", type=int, default=50, help="for each operation (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed makes the same requests (default: %(default)s)"
    )
    parser.add_argument("--only", default="", help="only paths that match this expression")
    parser.add_argument("--bodies", type=int, default=5000, help="bodies that are nearly right (default: %(default)s)")
    parser.add_argument("--raw", type=int, default=20_000, help="requests that are nearly HTTP (default: %(default)s)")
    parser.add_argument("--without-documents", action="store_true", help="only those two")
    options = parser.parse_args()
    program = options.schemathesis.absolute()
    statuses = []
    # In a folder of its own: Schemathesis writes what it found, with the requests, to where it is started.
    with stack.running("tests.fuzz.seed") as running, tempfile.TemporaryDirectory(prefix="tollgate-fuzz-") as folder:
        documents = (
            ("/api/schema/", running.api_key, CHECKS),
            ("/api/v1/schema/", running.keys["management_key"], STRICT),
        )
        for document, key, checks in documents if not options.without_documents else ():
            command = [program, "run", running.gateway_url + document, "--url", running.gateway_url]
            command += ["--generation-with-security-parameters", "false"]  # the key is in a header of ours
            command += ["--header", f"Authorization: Bearer {key}", "--checks", checks, "--workers", "1"]
            command += ["--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure"]
            command += ["--suppress-health-check", "all", "--request-timeout", "30", "--no-color", "--warnings", "off"]
            if options.only:
                command += ["--include-path-regex", options.only]
            print(f"\n=== {document}", flush=True)
            statuses.append(subprocess.run(command, cwd=folder, check=False).returncode)
        print("\n=== bodies that are nearly right", flush=True)
        seen = chatting.run(
            running.gateway_url,
            running.keys["calling_key"],
            running.gateway_pid,
            count=options.bodies,
            number=options.seed,
            models=MODELS,
        )
        statuses.append(0 if seen else 1)
        print("\n=== requests that are nearly HTTP", flush=True)
        keys = (running.keys["calling_key"], running.keys["management_key"])
        statuses.append(0 if wire.run(running.gateway_url, keys, count=options.raw, number=options.seed) else 1)
        complaints = _complaints(running.gateway_log.read_text())
    if complaints:
        print("\n=== what the gateway logged besides refusals", *complaints[-200:], sep="\n")
    sys.exit(max(statuses))


def _complaints(log: str) -> list[str]:
    """What it says besides refusals, each with the lines that belong to it."""
    told: list[str] = []
    is_told = False
    for line in log.splitlines():
        if not line.startswith(" "):
            is_told = REFUSED.search(line) is None
        if is_told:
            told.append(line)
    return told


if __name__ == "__main__":
    main()
