"""How each peer is started before the simulator, and how it is called. All listen on loopback, with one process, no access log."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.installing import Programs
from benchmarks.stack import ROOT, Stack, free_port
from config.embedded import process
from config.embedded.process import Child

START_SECONDS = 120
MASTER_KEY = "sk-bench-master"
MODELS = {"whole": "gpt-4o", "50 chunks": "gpt-4o-50", "500 chunks": "gpt-4o-500"}
UPSTREAM = {"gpt-4o": "gpt-4o", "gpt-4o-50": "gpt-4o?output_tokens=48", "gpt-4o-500": "gpt-4o?output_tokens=498"}


@dataclass(frozen=True)
class Target:
    """`does`: what it does besides passing on. `own`: its processes; `rest`: others that work for it. `started_seconds`: until it
    answered."""

    name: str
    url: str
    headers: dict[str, str]
    does: str
    own: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)
    path: str = "/v1/chat/completions"
    models: dict[str, str] = field(default_factory=lambda: dict(UPSTREAM))
    started_seconds: float = 0.0

    def model(self, case: str) -> str:
        return self.models[MODELS[case]]


@contextlib.contextmanager
def all_of(stack: Stack, programs: Programs, folder: Path) -> Iterator[list[Target]]:
    """Every target that can be started; those that cannot are told of."""
    children: list[Child] = []
    bearer = {"authorization": "Bearer sk-bench"}
    targets = [Target("direct", stack.simulator_url, bearer, "the simulator itself")]
    try:
        if programs.nginx is not None:
            targets.append(_nginx(stack, programs.nginx, folder, children))
        targets.append(_tollgate(stack, folder, children))
        if programs.portkey is not None:
            targets.append(_portkey(stack, programs.portkey, folder, children))
        if programs.litellm is not None:
            targets.append(_litellm(stack, programs.litellm, folder, children))
        yield targets
    finally:
        for child in reversed(children):
            child.stop(seconds=5)


def _start(name: str, command: list[str], children: list[Child], folder: Path, url: str, env: dict[str, str]) -> float:
    """Seconds until it answers at `url`, with whatever status."""
    began = time.perf_counter()
    environment = {**os.environ, **env}
    children.append(process.start(name, command, log=folder / f"{name}.log", env=environment, cwd=folder))
    while time.perf_counter() - began < START_SECONDS:
        if children[-1].has_ended():
            raise children[-1].failure(f"{name} has ended")
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.error.HTTPError:
            pass
        except OSError:
            time.sleep(0.05)
            continue
        return time.perf_counter() - began
    raise children[-1].failure(f"{name} does not answer")


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
    seconds = _start("nginx", command, children, folder, url, {})
    return Target(
        "nginx", url, {"authorization": "Bearer sk-bench"}, "passes on", [children[-1].pid], started_seconds=seconds
    )


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
        [children[-1].pid, *stack.store_pids],
        models={name: name for name in UPSTREAM},
        started_seconds=stack.gateway_seconds,
    )


def _portkey(stack: Stack, program: Path, folder: Path, children: list[Child]) -> Target:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}
    command = ["node", str(program), "--headless", f"--port={port}"]
    seconds = _start("portkey", command, children, folder, url, env)
    headers = {
        "authorization": "Bearer sk-bench",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"{stack.simulator_url}/v1",
    }
    return Target("Portkey", url, headers, "passes on, enforces nothing", [children[-1].pid], started_seconds=seconds)


def _litellm(stack: Stack, program: Path, folder: Path, children: list[Child]) -> Target:
    """Without its database: its Prisma engine is a binary that is downloaded from a server of its own, which an offline machine has not."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{upstream}", "api_base": f"{stack.simulator_url}/v1", "api_key": "sk"},
        }
        for name, upstream in UPSTREAM.items()
    ]
    settings = {
        "model_list": models,
        "general_settings": {"master_key": MASTER_KEY},
        "litellm_settings": {"telemetry": False},
    }
    path = folder / "litellm.json"
    path.write_text(json.dumps(settings))  # JSON is YAML
    env = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    command = [str(program), "--config", str(path), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    seconds = _start("litellm", command, children, folder, f"{url}/health/liveliness", env)
    return Target(
        "LiteLLM, bare",
        url,
        {"authorization": f"Bearer {MASTER_KEY}"},
        "master key; no database, so no keys of its own, budgets or log",
        [children[-1].pid],
        models={name: name for name in UPSTREAM},
        started_seconds=seconds,
    )


def versions(programs: Programs) -> dict[str, str]:
    """What was measured."""
    from benchmarks.peers.installing import LITELLM, PORTKEY

    found = {"LiteLLM": LITELLM, "Portkey": PORTKEY}
    if programs.nginx is not None:
        told = subprocess.run([str(programs.nginx), "-v"], capture_output=True, text=True, check=False)
        found["nginx"] = told.stderr.strip().rpartition("/")[2]
    return found
