"""`make fuzz`, to a gateway of its own: Schemathesis sends what the OpenAPI documents allow, and what they do not; then come bodies of both
chat formats that are nearly right (`bodies`). None may be a 500, hang, answer in no format, or stay in memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import stack
from tests.fuzz import chatting

MODELS = ("gpt-4o", "claude-sonnet-4-5", "text-embedding-3-small")
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,ignored_auth,negative_data_rejection"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--schemathesis", required=True, type=Path, help="its program, from an environment of its own")
    parser.add_argument("--examples", type=int, default=50, help="for each operation (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed makes the same requests (default: %(default)s)"
    )
    parser.add_argument("--only", default="", help="only paths that match this expression")
    parser.add_argument("--bodies", type=int, default=5000, help="bodies that are nearly right (default: %(default)s)")
    parser.add_argument("--without-documents", action="store_true", help="only those")
    options = parser.parse_args()
    program = options.schemathesis.absolute()
    statuses = []
    # In a folder of its own: Schemathesis writes what it found, with the requests, to where it is started.
    with stack.running("tests.fuzz.seed") as running, tempfile.TemporaryDirectory(prefix="tollgate-fuzz-") as folder:
        documents = (("/api/schema/", running.api_key), ("/api/v1/schema/", running.keys["management_key"]))
        for document, key in documents if not options.without_documents else ():
            command = [program, "run", running.gateway_url + document, "--url", running.gateway_url]
            command += ["--header", f"Authorization: Bearer {key}", "--checks", CHECKS, "--workers", "2"]
            command += ["--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure"]
            command += ["--suppress-health-check", "all", "--request-timeout", "30", "--no-color", "--warnings", "off"]
            if options.only:
                command += ["--include-path-regex", options.only]
            print(f"\n=== {document}", flush=True)
            statuses.append(subprocess.run(command, cwd=folder, check=False).returncode)
        print("\n=== bodies that are nearly right", flush=True)
        seen = chatting.run(
            running.gateway_url,
            running.api_key,
            running.gateway_pid,
            count=options.bodies,
            number=options.seed,
            models=MODELS,
        )
        statuses.append(0 if seen else 1)
        complaints = running.gateway_log.read_text()
    if complaints:
        print(f"\n=== what the gateway logged\n{complaints[-20_000:]}")
    sys.exit(max(statuses))


if __name__ == "__main__":
    main()
