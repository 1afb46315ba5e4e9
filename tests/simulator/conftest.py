"""One simulator for the run, reached over its socket; each test finds it as it started."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest

from simulator.process import SimulatorProcess

Post = Callable[..., tuple[int, dict[str, str], bytes]]
KEYS = {"authorization": "Bearer sk-test", "x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}


@pytest.fixture(scope="session")
def _process() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as process:
        yield process


@pytest.fixture(scope="session")
def simulator(_process: SimulatorProcess) -> SimulatorProcess:
    return _process


@pytest.fixture(autouse=True)
def _as_it_started(simulator: SimulatorProcess) -> None:
    simulator.client.reset()
    simulator.client.clear()


@pytest.fixture
def gpt(simulator: SimulatorProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{simulator.base_url}/v1", api_key="sk-test", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def claude(simulator: SimulatorProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=simulator.base_url, api_key="sk-ant-test", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def post(simulator: SimulatorProcess) -> Post:
    """Sends a body as it is and returns the status, the headers and the exact bytes of the answer."""

    def send(path: str, body: Any, *, method: str = "POST", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(simulator.base_url.removeprefix("http://"), timeout=10)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**KEYS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if "anthropic" not in path and "messages" not in path:
            sent.pop("anthropic-version") if "anthropic_version" not in headers else None
        try:
            connection.request(method, path, raw, {name: value for name, value in sent.items() if value})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    return send
