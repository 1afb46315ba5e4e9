"""`make fuzz`: Schemathesis sends what the OpenAPI documents allow, and what they do not, to a gateway of its own. None may be a 500."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import stack

CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance,ignored_auth,negative_data_rejection"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--schemathesis", required=True, type=Path, help="its program, from an environment of its own")
    parser.add_argument("--examples", type=int, default=50, help="for each operation (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed makes the same requests (default: %(default)s)"
    )
    parser.add_argument("--only", default="", help="only paths that match this expression")
    options = parser.parse_args()
    program = options.schemathesis.absolute()
    statuses = []
    # In a folder of its own: Schemathesis writes what it found, with the requests, to where it is started.
    with stack.running("tests.fuzz.seed") as running, tempfile.TemporaryDirectory(prefix="tollgate-fuzz-") as folder:
        for document, key in (("/api/schema/", running.api_key), ("/api/v1/schema/", running.keys["management_key"])):
            command = [program, "run", running.gateway_url + document, "--url", running.gateway_url]
            command += ["--header", f"Authorization: Bearer {key}", "--checks", CHECKS, "--workers", "2"]
            command += ["--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure"]
            command += ["--suppress-health-check", "all", "--request-timeout", "30", "--no-color", "--warnings", "off"]
            if options.only:
                command += ["--include-path-regex", options.only]
            print(f"\n=== {document}", flush=True)
            statuses.append(subprocess.run(command, cwd=folder, check=False).returncode)
        complaints = running.gateway_log.read_text()
    if complaints:
        print(f"\n=== what the gateway logged\n{complaints[-20_000:]}")
    sys.exit(max(statuses))


if __name__ == "__main__":
    main()
