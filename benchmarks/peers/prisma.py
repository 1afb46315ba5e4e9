"""Installs what LiteLLM needs to reach its database: Prisma's query engine, and the Python client that is generated for LiteLLM's tables.

Prisma's client for Python starts the engine as an executable that it downloads from a server of Prisma's own. The package registry has the
same engine as a library, which some versions of one of Prisma's packages carry, the last of them 4.7.1; `prisma_engine.mjs` puts it behind
the HTTP that the client speaks. It is older than what the client is made for (5.4.2) and speaks the same language: every query of LiteLLM's
that was tried is answered. The library wants OpenSSL 1.1, which is unpacked from Debian 11's package and is seen by that process alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path

CLIENT = "0.11.0"  # the newest that knows how an engine before 5.15 writes the rows of plain SQL
COMMAND_LINE = "5.4.2"  # the one that the client asks for; it generates the client's code
ENGINE = "4.7.1"
LIBRARY = "libquery_engine-debian-openssl-1.1.x.so.node"
OPENSSL_URL = "http://deb.debian.org/debian/pool/main/o/openssl/libssl1.1_1.1.1w-0+deb11u1_amd64.deb"
OPENSSL_SHA256 = "aadf8b4b197335645b230c2839b4517aa444fd2e8f434e5438c48a18857988f7"
SERVER = Path(__file__).with_name("prisma_engine.mjs")


def install(folder: Path, litellm: Path) -> Path:
    """The engine's executable, for `PRISMA_QUERY_ENGINE_BINARY`, with the client generated into LiteLLM's environment; whatever is not
    there yet. Raises OSError or CalledProcessError where it cannot be had."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise OSError("Prisma's engine is to be had for Linux on x86-64 alone")
    home = folder / f"prisma-{ENGINE}"
    home.mkdir(exist_ok=True)
    executable = _executable(home)
    packages = litellm.parent.parent / "lib"
    if not any(packages.glob("python*/site-packages/prisma/client.py")):
        print("generating Prisma's client for LiteLLM's tables", flush=True)
        _generate(home, litellm, executable)
    return executable


def environment(executable: Path) -> dict[str, str]:
    """For LiteLLM and the command line. The executable stands in for the engine of migrations, too, which it is not: what asks for that
    fails at once instead of looking for a server."""
    return {
        "PRISMA_QUERY_ENGINE_BINARY": str(executable),
        "PRISMA_QUERY_ENGINE_LIBRARY": str(executable.with_name(LIBRARY)),
        "PRISMA_SCHEMA_ENGINE_BINARY": str(executable),
        "PRISMA_BINARY_CACHE_DIR": str(executable.parent / "cli"),
    }


def _executable(home: Path) -> Path:
    library, openssl = home / LIBRARY, home / "openssl"
    if not library.exists():
        print(f"fetching Prisma's query engine {ENGINE}", flush=True)
        subprocess.run(
            ["npm", "pack", "--silent", "--pack-destination", str(home), f"@prisma/internals@{ENGINE}"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        archive = home / f"prisma-internals-{ENGINE}.tgz"
        with tarfile.open(archive) as files:
            found = files.extractfile(f"package/dist/{LIBRARY}")
            if found is None:
                raise OSError(f"{archive.name} has no {LIBRARY}")
            _write(library, found.read())
        archive.unlink()
    if not openssl.exists():
        package = home / "openssl.deb"
        with urllib.request.urlopen(OPENSSL_URL, timeout=60) as answer:
            package.write_bytes(answer.read())
        if hashlib.sha256(package.read_bytes()).hexdigest() != OPENSSL_SHA256:
            raise OSError(f"{OPENSSL_URL} is not what it was")
        unpacked = home / "openssl.new"
        shutil.rmtree(unpacked, ignore_errors=True)
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
        unpacked.rename(openssl)
    executable = home / "query-engine"
    libraries = openssl / "usr" / "lib" / "x86_64-linux-gnu"
    _write(executable, f'#!/bin/sh\nLD_LIBRARY_PATH="{libraries}" exec node "{SERVER}" "{library}" "$@"\n'.encode())
    executable.chmod(0o755)
    subprocess.run([str(executable), "--version"], check=True, stdout=subprocess.DEVNULL, timeout=60)
    return executable


def _generate(home: Path, litellm: Path, executable: Path) -> None:
    programs = litellm.parent
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, f"prisma=={CLIENT}"], check=True)
    cli = home / "cli"
    cli.mkdir(exist_ok=True)
    npm = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(cli)]
    subprocess.run([*npm, f"prisma@{COMMAND_LINE}"], check=True)
    tables = next((programs.parent / "lib").glob("python*/site-packages/litellm/proxy/schema.prisma"))
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **environment(executable), "PATH": path}
    command = [str(programs / "prisma"), "generate", "--schema", str(tables)]
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, so that a run that is cut off leaves nothing half done."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_bytes(content)
    unfinished.rename(path)
