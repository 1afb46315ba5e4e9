"""LiteLLM's proxy: bare, and with its PostgreSQL and Redis as its documentation advises for production. The latter is measured only once
it has been seen to refuse a key whose budget is spent and to write its log."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.peers import prisma
from benchmarks.peers.target import UPSTREAM, Target, start
from benchmarks.stack import Stack, free_port
from config.embedded import layout as layouts
from config.embedded import postgres, process
from config.embedded.process import Child
from config.embedded.redis import _executable as redis_executable

MASTER_KEY = "sk-bench-master"
LOTS = 1_000_000_000
USD_PER_TOKEN = {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 10e-6}
WRITE_SECONDS = 60  # between two writes to its database, as its documentation advises
LOG_SECONDS = WRITE_SECONDS + 30  # until its log must be there
REFUSAL_SECONDS = 30
ENVIRONMENT = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}


class LiteLLM:
    """Its proxy with stores of its own."""

    def __init__(self, target: Target, database_url: str) -> None:
        self.target = target
        self.database_url = database_url

    def key(self, **fields: Any) -> str:
        """A new virtual key."""
        return str(_post(self.target.url, "/key/generate", fields)["key"])

    def logged(self) -> int:
        """Rows in its log of requests."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute('SELECT count(*) FROM "LiteLLM_SpendLogs"').fetchone()
            return int(row[0]) if row else 0

    def costs(self, key: str) -> list[float]:
        """In USD, of the requests of that key that it has logged and that cost something."""
        digest = hashlib.sha256(key.encode()).hexdigest()  # it keeps no keys
        with psycopg.connect(self.database_url) as connection:
            found = connection.execute(
                'SELECT spend FROM "LiteLLM_SpendLogs" WHERE api_key = %s AND spend > 0', [digest]
            )
            return [float(row[0]) for row in found]


def bare(stack: Stack, program: Path, folder: Path, children: list[Child]) -> Target:
    settings = {
        "model_list": _models(stack),
        "general_settings": {"master_key": MASTER_KEY},
        "litellm_settings": {"telemetry": False},
    }
    url, seconds = _run("litellm", settings, program, folder, children, dict(ENVIRONMENT))
    return Target(
        "LiteLLM, bare",
        url,
        {"authorization": f"Bearer {MASTER_KEY}"},
        "master key; no database, so no keys of its own, budgets or log",
        [children[-1].pid],
        models={name: name for name in UPSTREAM},
        started_seconds=seconds,
        is_slow=True,
    )


def full(stack: Stack, program: Path, engine: Path, folder: Path, children: list[Child]) -> LiteLLM:
    """Raises RuntimeError if it does not enforce or does not log."""
    database_url, redis_port, stores = _stores(folder / "litellm-stores", program, children)
    redis = {"host": "127.0.0.1", "port": redis_port}
    settings = {
        "model_list": _models(stack),
        "general_settings": {
            "master_key": MASTER_KEY,
            "proxy_batch_write_at": WRITE_SECONDS,
            "database_connection_pool_limit": 10,
        },
        "litellm_settings": {
            "telemetry": False,
            "request_timeout": 600,
            "set_verbose": False,
            "cache": True,
            "cache_params": {"type": "redis", **redis},
        },
        "router_settings": {f"redis_{name}": value for name, value in redis.items()},
    }
    env = {
        **ENVIRONMENT,
        **prisma.environment(engine),
        "PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin",
        "DATABASE_URL": database_url,
        "DISABLE_SCHEMA_UPDATE": "true",
        "LITELLM_SALT_KEY": "sk-bench-salt",
    }
    url, seconds = _run("litellm-full", settings, program, folder, children, env)
    own = children[-1].pid
    limits = {"max_budget": 1_000_000.0, "budget_duration": "30d", "tpm_limit": LOTS, "rpm_limit": LOTS}
    team = _post(url, "/team/new", {"team_alias": "bench", **limits})["team_id"]
    user = _post(url, "/user/new", {"user_id": "ann", "auto_create_key": False, **limits})["user_id"]
    member = {"team_id": team, "user_id": user, "max_parallel_requests": 10_000, **limits}
    key = _post(url, "/key/generate", member)["key"]
    target = Target(
        "LiteLLM, full",
        url,
        {"authorization": f"Bearer {key}"},
        "key with its team and user: 3 budgets, paces; exact cache missed and filled, log in PostgreSQL",
        [own],
        [child.pid for child in psutil.Process(own).children(recursive=True) if prisma.SERVER.name in _words(child)],
        stores,
        models={name: name for name in UPSTREAM},
        started_seconds=seconds,
        is_slow=True,
    )
    found = LiteLLM(target, database_url)
    _prove(found)
    return found


def _prove(found: LiteLLM) -> None:
    """That it has its engine, refuses what is spent and writes its log: nothing is measured without."""
    if not found.target.engine:
        raise RuntimeError("LiteLLM runs without its query engine")
    spent = {**found.target.headers, "authorization": f"Bearer {found.key(max_budget=1e-9)}"}
    deadline = time.monotonic() + REFUSAL_SECONDS
    while _ask(found.target.url, spent) == 200:
        if time.monotonic() > deadline:
            raise RuntimeError("LiteLLM goes on serving a key whose budget is spent")
        time.sleep(0.2)
    deadline = time.monotonic() + LOG_SECONDS
    while not found.logged():
        if time.monotonic() > deadline:
            raise RuntimeError("LiteLLM writes no log")
        time.sleep(1)


def _ask(url: str, headers: dict[str, str]) -> int:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"word {time.monotonic()}"}], "max_tokens": 5}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        told = error.read().decode()
        if "budget" not in told.lower():
            raise RuntimeError(f"LiteLLM answered {error.code}: {told[:300]}") from error
        return error.code


def _post(url: str, path: str, fields: dict[str, Any]) -> Any:
    headers = {"content-type": "application/json", "authorization": f"Bearer {MASTER_KEY}"}
    request = urllib.request.Request(f"{url}{path}", json.dumps(fields).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"LiteLLM's {path} answered {error.code}: {error.read().decode()[:300]}") from error


def _run(
    name: str, settings: dict[str, Any], program: Path, folder: Path, children: list[Child], env: dict[str, str]
) -> tuple[str, float]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    path = folder / f"{name}.json"
    path.write_text(json.dumps(settings))  # JSON is YAML
    command = [str(program), "--config", str(path), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    return url, start(name, command, children, folder, f"{url}/health/liveliness", env)


def _models(stack: Stack) -> list[dict[str, Any]]:
    at = {"api_base": f"{stack.simulator_url}/v1", "api_key": "sk", **USD_PER_TOKEN}
    return [
        {"model_name": name, "litellm_params": {"model": f"openai/{upstream}", **at}}
        for name, upstream in UPSTREAM.items()
    ]


def _stores(folder: Path, program: Path, children: list[Child]) -> tuple[str, int, list[int]]:
    """Of its own: a PostgreSQL with its tables, and a Redis on a port, by which its documentation has it reach Redis. As durable as the
    ones that Tollgate is measured with: not."""
    folder.mkdir(mode=0o711)
    layout = layouts.of(folder)
    layout.prepare()
    children.append(postgres.start(layout, durable=False))
    stores = [children[-1].pid]
    migrations = next((program.parent.parent / "lib").glob("python*/site-packages/litellm_proxy_extras/migrations"))
    with psycopg.connect(layout.database_url, autocommit=True) as connection:
        for script in sorted(migrations.glob("*/migration.sql")):
            connection.execute(script.read_bytes())
    port = free_port()
    command: list[str | Path] = [redis_executable(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "no", "--dir", folder]
    children.append(process.start("litellm-redis", command, log=folder / "redis.log"))
    stores.append(children[-1].pid)
    return layout.database_url.replace("@/", "@localhost/"), port, stores


def _words(child: psutil.Process) -> str:
    try:
        return " ".join(child.cmdline())
    except psutil.Error:
        return ""
