"""Installs the peers apart from the project: LiteLLM into an environment of its own, Portkey's gateway by npm, nginx from Debian's package
without installing it, and for LiteLLM's database `prisma`. Nothing of it is among Tollgate's requirements."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import prisma

LITELLM = "1.108.7"
PORTKEY = "1.15.2"
# Of what Portkey's gateway allows (^1.3.3), the newest seen to let it answer a stream: with 1.14.2 and 1.19.19, which npm takes by itself,
# every stream is a 500 ("TypeError: immutable", https://github.com/Portkey-AI/gateway/issues/1389).
PORTKEY_SERVER = "1.13.7"
FAILURES = (OSError, subprocess.SubprocessError, tarfile.TarError, StopIteration)


@dataclass(frozen=True)
class Programs:
    """The peers' programs; None: it could not be installed here, and why is in `missing`."""

    litellm: Path | None
    prisma: Path | None
    portkey: Path | None
    nginx: Path | None
    missing: dict[str, str]


def install(folder: Path) -> Programs:
    """Whatever is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[str, str] = {}
    found: dict[str, Path | None] = {}
    for name, make in (("litellm", _litellm), ("portkey", _portkey), ("nginx", _nginx)):
        try:
            found[name] = make(folder)
        except FAILURES as error:
            found[name], missing[name] = None, str(error)
    found["prisma"] = None
    if found["litellm"] is not None:
        try:
            found["prisma"] = prisma.install(folder, found["litellm"])
        except FAILURES as error:
            missing["LiteLLM with its database"] = str(error)
    return Programs(missing=missing, **found)


def _litellm(folder: Path) -> Path:
    program = folder / f"litellm-{LITELLM}" / "bin" / "litellm"
    if not program.exists():
        print(f"installing LiteLLM {LITELLM}, which takes some minutes", flush=True)
        home = program.parent.parent
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*pip, f"litellm[proxy]=={LITELLM}"], check=True)
    return program


def _portkey(folder: Path) -> Path:
    home = folder / f"portkey-{PORTKEY}-{PORTKEY_SERVER}"
    program = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not program.exists():
        print(f"installing Portkey's gateway {PORTKEY}", flush=True)
        home.mkdir(exist_ok=True)
        wanted = {
            "dependencies": {"@portkey-ai/gateway": PORTKEY},
            "overrides": {"@hono/node-server": PORTKEY_SERVER},
        }
        (home / "package.json").write_text(json.dumps({"private": True, **wanted}))
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(home)]
        subprocess.run(npm, check=True, cwd=home)
    return program


def _nginx(folder: Path) -> Path:
    installed = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if installed:
        return Path(installed)
    program = folder / "nginx" / "usr" / "sbin" / "nginx"
    if not program.exists():
        print("unpacking Debian's nginx", flush=True)
        home = folder / "nginx"
        home.mkdir(exist_ok=True)
        subprocess.run(["apt-get", "download", "nginx"], cwd=home, check=True, stdout=subprocess.DEVNULL)
        for package in home.glob("nginx*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], cwd=home, check=True)
    return program
