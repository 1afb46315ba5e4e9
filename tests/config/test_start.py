"""What every process of the house loads when it starts, and what a gateway process goes without until somebody opens a page."""

from __future__ import annotations

import subprocess
import sys

from tests.gateway.live import ROOT

HEAVY = ("anthropic", "openai", "sklearn", "onnxruntime", "tokenizers")
# Of the console and of workers.
NOT_FOR_CALLS = (
    "aiohttp", "allauth.urls", "celery", "config.urls", "dashboards.metrics", "fido2", "gateway.admin", "gateway.management_api", "numpy",
    "tenants.admin",
)  # fmt: skip

CALLS = """
import asyncio, sys
from config.asgi import application, pages

async def ask(path):
    said = []
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(b"host", b"localhost")], "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1)}
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])
    async def receive():
        for message in received:
            return message
        await asyncio.Event().wait()
    async def send(message):
        said.append(message)
    await application(scope, receive, send)
    return said[0]["status"]

def loaded():
    return [name for name in NAMES if name in sys.modules]

print([asyncio.run(ask(path)) for path in ("/v1/models", "/healthz")], loaded())
pages.load()
print({"config.urls", "gateway.admin", "tenants.admin"} <= set(loaded()))
"""


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_starts_without_what_only_some_pages_and_steps_need():
    assert run(f"import sys, config.asgi; print([name for name in {HEAVY} if name in sys.modules])").strip() == "[]"


def test_a_gateway_process_answers_calls_and_probes_without_what_pages_need():
    said = run(CALLS.replace("NAMES", repr(NOT_FOR_CALLS)))
    assert said.splitlines() == ["[401, 200] []", "True"]
