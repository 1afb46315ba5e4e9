"""Installs the peers apart from the project: LiteLLM into an environment of its own, Portkey's gateway by npm, nginx from Debian's package
without installing it. Nothing of it is among Tollgate's requirements."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LITELLM = "1.108.7"
PORTKEY = "1.15.2"


@dataclass(frozen=True)
class Programs:
    """The peers' programs; None: it could not be installed here, and why is in `missing`."""

    litellm: Path | None
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
        except (OSError, subprocess.CalledProcessError) as error:
            found[name], missing[name] = None, str(error)
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
    home = folder / f"portkey-{PORTKEY}"
    program = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if not program.exists():
        print(f"installing Portkey's gateway {PORTKEY}", flush=True)
        home.mkdir(exist_ok=True)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(home)]
        subprocess.run([*npm, f"@portkey-ai/gateway@{PORTKEY}"], check=True)
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
