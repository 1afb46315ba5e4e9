"""How each peer is started before the simulator, and how it is called. LiteLLM, which takes more, has a module of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from benchmarks.peers import litellm, prisma
from benchmarks.peers.installing import LITELLM, PORTKEY, Programs
from benchmarks.peers.litellm import LiteLLM
from benchmarks.peers.target import UPSTREAM, Target, start
from benchmarks.stack import ROOT, Stack, free_port
from config.embedded import process
from config.embedded.errors import EmbeddedServiceError
from config.embedded.process import Child


@dataclass(frozen=True)
class Started:
    """`targets`: in the order of their calls. `litellm`: the one among them with stores of its own, if its engine is to be had and it does
    what it is measured for; if not, `failed` says why."""

    targets: list[Target]
    litellm: LiteLLM | None = None
    failed: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def all_of(stack: Stack, programs: Programs, folder: Path) -> Iterator[Started]:
    """Every target whose program is there. Raises when one cannot be started, but for LiteLLM with its stores, which may be told of."""
    children: list[Child] = []
    bearer = {"authorization": "Bearer sk-bench"}
    targets = [Target("direct", stack.simulator_url, bearer, "the simulator itself")]
    try:
        if programs.nginx is not None:
            targets.append(_nginx(stack, programs.nginx, folder, children))
        targets.append(_tollgate(stack, folder, children))
        if programs.portkey is not None:
            targets.append(_portkey(stack, programs.portkey, folder, children))
        full, failed = None, {}
        if programs.litellm is not None:
            targets.append(litellm.bare(stack, programs.litellm, folder, children))
            if programs.prisma is not None:
                try:
                    full = litellm.full(stack, programs.litellm, programs.prisma, folder, children)
                    targets.append(full.target)
                except (RuntimeError, EmbeddedServiceError, OSError, psycopg.Error) as error:
                    failed["LiteLLM with its database"] = str(error)
        yield Started(targets, full, failed)
    finally:
        for child in reversed(children):
            child.stop(seconds=5)


NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_body_buffer_size 1m; keepalive_requests 1000000;
  upstream simulator {{ server {upstream}; keepalive 128; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://simulator; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
"""


def _nginx(stack: Stack, program: Path, folder: Path, children: list[Child]) -> Target:
    port = free_port()
    settings = folder / "nginx.conf"
    upstream = stack.simulator_url.partition("//")[2]
    settings.write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-p", str(folder), "-c", str(settings), "-e", str(folder / "nginx-first.log")]
    seconds = start("nginx", command, children, folder, url, {})
    headers = {"authorization": "Bearer sk-bench"}
    return Target("nginx", url, headers, "passes on", [children[-1].pid], started_seconds=seconds)


def _tollgate(stack: Stack, folder: Path, children: list[Child]) -> Target:
    """The stack's gateway process, and a worker that writes the log."""
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-B", "-l", "warning", "--pool", "threads"]
    command += ["--concurrency", "4", "--without-mingle", "--without-gossip", "-s", str(folder / "beat-schedule")]
    environment = {**os.environ, **stack.environment}
    children.append(process.start("worker", command, log=folder / "worker.log", env=environment, cwd=ROOT))
    return Target(
        "Tollgate",
        stack.gateway_url,
        {"authorization": f"Bearer {stack.everything_key}", "x-tollgate-user": "ann"},
        "key, plan, tier, 5 budgets, paces, exact cache missed and filled, log in PostgreSQL",
        [stack.gateway_pid],
        rest=[children[-1].pid, *stack.store_pids],
        models={name: name for name in UPSTREAM},
        started_seconds=stack.gateway_seconds,
    )


def _portkey(stack: Stack, program: Path, folder: Path, children: list[Child]) -> Target:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    command = ["node", str(program), "--headless", f"--port={port}"]
    seconds = start("portkey", command, children, folder, url, env)
    headers = {
        "authorization": "Bearer sk-bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{stack.simulator_url}/v1",
    }
    return Target("Portkey", url, headers, "passes on, enforces nothing", [children[-1].pid], started_seconds=seconds)


def versions(programs: Programs) -> dict[str, str]:
    """What was measured."""
    found = {"LiteLLM": LITELLM, "Portkey": PORTKEY}
    if programs.prisma is not None:
        found["Prisma's query engine"] = prisma.ENGINE
    if programs.nginx is not None:
        told = subprocess.run([str(programs.nginx), "-v"], capture_output=True, text=True, check=False)
        found["nginx"] = told.stderr.strip().rpartition("/")[2]
    return found
