"""The dashboards' pages as a browser gets them: request, questions, rendering, all middleware, by Django's own client."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

RANGES = ("24h", "7d", "30d", "90d")
TABS = ("latency", "cost", "errors", "cache", "quality", "requests")
MEMBER, OPERATOR = "alice@acme.example", "operator@tollgate.local"
# What is dear on purpose: end users beside each other, periods compared, filters that no small rollup has together.
FURTHER = {
    "cost by end user, compared": "cost/?range={}&compare=1&by=end_user",
    "cost, three filters": "cost/?range={}&task=chat-support&model=claude-sonnet-5-5&stream=true",
    "latency of a task, compared": "latency/?range={}&compare=1&task=chat-support",
    "quality by prompt, compared": "quality/?range={}&compare=1&by=prompt",
}


def pages() -> Iterator[tuple[str, str, str]]:
    """A page's name, whose it is, and where, but for its range."""
    for tab in TABS:
        yield tab, MEMBER, f"/t/acme/dashboards/{tab}/?range={{}}"
    yield "operator", OPERATOR, "/admin/dashboards/?range={}"
    for name, address in FURTHER.items():
        yield name, MEMBER, f"/t/acme/dashboards/{address}"
    yield "operator: cost", OPERATOR, "/admin/dashboards/cost/?range={}"


def measure(rounds: int, only: str) -> None:
    """Print a line for each page: milliseconds, median and 95th percentile, of each range."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.ALLOWED_HOSTS.append("testserver")
    clients: dict[str, Any] = {}
    print(f"{'whole pages, median (p95) ms':34}" + "".join(f"{span:>16}" for span in RANGES))
    for name, who, address in pages():
        if only not in name:
            continue
        if who not in clients:
            clients[who] = Client()
            clients[who].force_login(User.objects.get(username=who))
        print(f"{name:34}", end="", flush=True)
        for span in RANGES:
            times = list(_times(clients[who], address.format(span), rounds))
            late = sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]
            print(f"{statistics.median(times):8.0f} ({late:5.0f})", end="", flush=True)
        print()


def _times(client: Any, address: str, rounds: int) -> Iterator[float]:
    for number in range(rounds + 1):
        begun = time.perf_counter()
        response = client.get(address)
        if number:  # the first one warms up
            yield (time.perf_counter() - begun) * 1000
        assert response.status_code == 200, (address, response.status_code)
