"""What is measured, and how a peer's program is started. All listen on loopback, with one process, no access log."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded import process
from config.embedded.process import Child

START_SECONDS = 120
MODELS = {"whole": "gpt-4o", "20 at once": "gpt-4o-20", "50 chunks": "gpt-4o-50", "500 chunks": "gpt-4o-500"}
UPSTREAM = {  # of a stream, the first and the last chunk say nothing
    "gpt-4o": "gpt-4o",
    "gpt-4o-20": "gpt-4o?output_tokens=18&chunks_per_write=100",
    "gpt-4o-50": "gpt-4o?output_tokens=48",
    "gpt-4o-500": "gpt-4o?output_tokens=498",
}


@dataclass(frozen=True)
class Target:
    """`does`: what it does besides passing on. `own`: its processes, their children included; `engine`: those of them that only pass its
    queries on to its database; `rest`: others that work for it. `started_seconds`: until it answered."""

    name: str
    url: str
    headers: dict[str, str]
    does: str
    own: list[int] = field(default_factory=list)
    engine: list[int] = field(default_factory=list)
    rest: list[int] = field(default_factory=list)
    path: str = "/v1/chat/completions"
    models: dict[str, str] = field(default_factory=lambda: dict(UPSTREAM))
    started_seconds: float = 0.0
    is_slow: bool = False

    def model(self, case: str) -> str:
        return self.models[MODELS[case]]


def start(name: str, command: list[str], children: list[Child], folder: Path, url: str, env: dict[str, str]) -> float:
    """Seconds until it answers at `url`, with whatever status. Raises `EmbeddedServiceError` if it does not."""
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
