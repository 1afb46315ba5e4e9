"""A small made history of Acme's (and a request of Globex's), rolled up, and the pages to look at it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone

from dashboards import rolling
from gateway.models import BreakerChange
from tests.cast import Cast, ConsoleClient, in_console
from tests.dashboards import ratings, records
from tests.dashboards.ratings import Answer
from tests.dashboards.records import Record

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def history(cast: Cast) -> list[Record]:
    """Sixty requests of Acme's last twenty hours, with failures, fallbacks, caches; three are slow."""
    now, rng = timezone.now(), random.Random(7)
    found: list[Record] = []
    for place in range(60):
        at = now - HOUR * (0.2 + place / 3)
        found += records.at_random(cast.acme.tenant.pk, rng, at.replace(microsecond=0))
    key = cast.acme.key.api_key.pk
    found = [replace(item, api_key_id=key) for item in found]
    foreign = records.record(
        cast.globex.tenant.pk, now - HOUR, task="globex-task", model_served="globex-model", cost_usd=Decimal(9)
    )
    records.put([*found, foreign])
    rolling.roll_up(now)
    ratings.put(cast.acme.tenant.pk, [ratings.at_random(rng, item.accepted_at) for item in found])
    ratings.put(cast.globex.tenant.pk, [Answer(now - HOUR, "globex-task", "globex-model", votes=("down",), score=1)])
    for minutes, state in ((90, "open"), (70, "closed")):
        BreakerChange.objects.create(
            entry=state, provider_id=cast.model.provider_id, upstream_id=cast.model.effective_upstream_id, state=state,
            at=now - dt.timedelta(minutes=minutes),
        )  # fmt: skip
    return found


@pytest.fixture
def ada(cast: Cast) -> ConsoleClient:
    return in_console(cast.ada, cast.acme.tenant)


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
