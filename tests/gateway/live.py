"""A gateway process on a real socket, before a real simulator: what the tests of the whole way call."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone
from django_redis import get_redis_connection

from billing import prices
from config import listening
from config.embedded import process
from config.embedded.process import Child
from gateway import drain
from gateway.models import Model, Provider, RequestLog
from tenants import api_keys
from tenants.models import Tenant

ROOT = Path(__file__).resolve().parents[2]
CREDENTIAL = "sk-sim-credential-0123456789"
ALL = ["chat", "embeddings", "streaming", "tools", "vision", "json_schema", "reasoning"]


def test_environment(**more: str) -> dict[str, str]:
    """What a child process needs to work on the test database, and to call tenants' providers at the simulator."""
    name = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])
    own = {"DATABASE_URL": url._replace(path=f"/{name}").geturl(), "TOLLGATE_OUTBOUND_ALLOW": "127.0.0.1/32"}
    return {**os.environ, **own, **more}


test_environment.__test__ = False  # type: ignore[attr-defined]


def wait_until(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
    """The first true value of `condition`; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@dataclass
class Reply:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[bytes]:
        """The events of a stream, comments left out."""
        return [event for event in self.body.split(b"\n\n") if event and not event.startswith(b":")]

    def text(self) -> str:
        """What was said, in whichever format, whole or as a stream."""
        if not self.headers["content-type"].startswith("text/event-stream"):
            answer = self.json()
            said: str = (
                answer["content"][0]["text"] if "content" in answer else answer["choices"][0]["message"]["content"]
            )
            return said
        words = []
        for line in self.body.split(b"\n"):
            if line.startswith(b"data: {"):
                event = json.loads(line[6:])
                words.append((event.get("delta") or {}).get("text") or "")
                words += [choice["delta"].get("content") or "" for choice in event.get("choices", ())]
        return "".join(words)


@dataclass
class Gateway:
    """A running gateway process."""

    url: str
    child: Child

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: Path, **environment: str) -> Iterator[Gateway]:
        """One on the test database, unless the environment names another."""
        environment = test_environment(**{"TOLLGATE_DRAIN": "5", **environment})
        with listening.bound("127.0.0.1", 0) as listener:  # here: nobody else can take the port before it listens
            port, number = listener.getsockname()[1], listener.fileno()
            command = [sys.executable, "manage.py", "serve", "--fd", str(number)]
            log = folder / f"gateway-{port}.log"
            child = process.start("gateway", command, log=log, env=environment, cwd=ROOT, pass_fds=(number,))
        gateway = cls(f"http://127.0.0.1:{port}", child)
        try:
            wait_until(gateway.answers, seconds=60)
            yield gateway
        finally:
            child.stop(seconds=10)

    def answers(self) -> bool:
        if self.child.has_ended():
            raise self.child.failure("the gateway has ended")
        try:
            return self.request("GET", "/healthz").status == 200
        except OSError:
            return False

    def log(self, since: int = 0) -> str:
        """What it has logged; `since`: but for so many characters, which others have caused."""
        return self.child.log.read_text()[since:]

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        address = urlsplit(self.url)
        client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = client.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            client.close()


@dataclass
class World:
    """A tenant of its own for a test, with a key and models at the simulator. Committed, so that other processes see it."""

    gateway: Gateway
    simulator_url: str
    tenant: Tenant
    secret: str = ""
    providers: dict[str, Provider] = field(default_factory=dict)

    @classmethod
    def build(cls, gateway: Gateway, simulator_url: str) -> World:
        name = uuid4().hex[:10]
        tenant = Tenant.objects.create(name=f"Tenant {name}", slug=f"t-{name}")
        world = cls(gateway, simulator_url, tenant)
        for kind, base_url in (
            ("openai", f"{simulator_url}/v1"),
            ("anthropic", simulator_url),
            ("openai-compatible", f"{simulator_url}/v1"),
        ):
            world.providers[kind] = Provider.objects.create(
                tenant=tenant, name=kind, kind=kind, base_url=base_url, credential=CREDENTIAL
            )
        world.model("gpt-4o", "openai")
        world.model("claude-sonnet-4-5", "anthropic")
        world.model("text-embedding-3-small", "openai", capabilities=["embeddings"])
        world.secret = api_keys.create(tenant, name="test").secret
        return world

    def model(self, name: str, kind: str, **fields: Any) -> Model:
        """A model of the tenant's at its provider of that kind; with a price, for what has none is not called."""
        provider = self.providers[kind]
        if prices.resolve(kind=kind, upstream_id=fields.get("upstream_id") or name, at=timezone.now()) is None:
            fields = {"price_ref": "openai:gpt-4o", **fields}
        return Model.objects.create(tenant=self.tenant, provider=provider, name=name, **{"capabilities": ALL, **fields})

    def tenant_models(self) -> list[Model]:
        return list(Model.objects.filter(tenant=self.tenant))

    def post(self, path: str, body: Any, *, secret: str | None = None, **headers: str) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = self.secret if secret is None else secret
        return self.gateway.request("POST", path, content, authorization=f"Bearer {bearer}", **headers)

    def get(self, path: str, **headers: str) -> Reply:
        return self.gateway.request("GET", path, authorization=f"Bearer {self.secret}", **headers)

    def chat(self, model: str = "gpt-4o", prompt: str = "hello", **fields: Any) -> Reply:
        return self.post(
            "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": prompt}], **fields}
        )

    def message(self, model: str = "claude-sonnet-4-5", prompt: str = "hello", **fields: Any) -> Reply:
        messages = [{"role": "user", "content": prompt}]
        return self.post("/v1/messages", {"model": model, "max_tokens": 500, "messages": messages, **fields})

    def records(self, count: int = 1) -> list[RequestLog]:
        """The tenant's request log, drained; waits until it has `count` rows, oldest first."""

        def drained() -> list[RequestLog] | None:
            drain.drain(get_redis_connection("default"), self.tenant.id)
            rows = list(RequestLog.objects.filter(tenant=self.tenant).order_by("accepted_at", "id"))
            return rows if len(rows) >= count else None

        rows: list[RequestLog] = wait_until(drained)
        assert len(rows) == count
        return rows

    def records_so_far(self) -> list[RequestLog]:
        """The tenant's request log, drained, whatever it has."""
        drain.drain(get_redis_connection("default"), self.tenant.id)
        return list(RequestLog.objects.filter(tenant=self.tenant).order_by("accepted_at", "id"))

    def record(self, request_id: str) -> RequestLog:
        """How one request ended, as its final record says; drained."""
        drain.drain(get_redis_connection("default"), self.tenant.id)
        return RequestLog.objects.get(request_id=UUID(request_id.removeprefix("req_")), is_final=True)
