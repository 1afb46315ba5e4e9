"""The dashboards' pages as a browser gets them: request, questions, rendering, all middleware, by Django's own client."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

RANGES = ("24h", "7d", "30d", "90d")
TABS = ("latency", "cost", "errors", "cache", "requests")


def addresses() -> Iterator[tuple[str, str]]:
    """Whose page it is, and where."""
    for span in RANGES:
        for tab in TABS:
            yield "alice@acme.example", f"/t/acme/dashboards/{tab}/?range={span}"
    yield "alice@acme.example", "/t/acme/dashboards/cost/?range=30d&compare=1&by=end_user"
    yield "alice@acme.example", "/t/acme/dashboards/latency/?range=30d&compare=1&task=chat-support"
    for span in RANGES:
        yield "operator@tollgate.local", f"/admin/dashboards/?range={span}"


def measure(rounds: int, only: str) -> None:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    settings.ALLOWED_HOSTS.append("testserver")
    clients = {}
    for who, address in addresses():
        if only not in address:
            continue
        if who not in clients:
            clients[who] = Client()
            clients[who].force_login(User.objects.get(username=who))
        times = []
        for number in range(rounds + 1):
            begun = time.perf_counter()
            response = clients[who].get(address)
            if number:  # the first one warms up
                times.append((time.perf_counter() - begun) * 1000)
            assert response.status_code == 200, (address, response.status_code)
        late = sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]
        print(f"{address:68}{statistics.median(times):8.0f}{late:10.0f}", flush=True)
