"""`manage.py seed_traffic`: months of believable traffic for the demonstration's tenants, rolled up and in the ledger."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from config import traffic
from config.management import traffic_quality, traffic_room, traffic_rows, traffic_writer
from dashboards import packing, rolling
from gateway import partitions
from tenants.models import Tenant

ROLLED_AT_ONCE = rolling.BATCH
# What pages and roll-ups read, which autovacuum would get round to some minutes later.
READ = (
    "gateway_requestlog", "gateway_feedback", "gateway_judgement", "gateway_ratingday", "dashboards_cell", "dashboards_series",
    "dashboards_userday",
)  # fmt: skip


class Command(BaseCommand):
    help = (
        "Write a history of requests for the demonstration's tenants: daily and weekly rhythm, incidents, caches, fallbacks, right prices. "
        "The same seed makes the same requests; a day that is there already is left alone, so an interrupted run can be repeated. Budgets "
        "and plans that the history would have used up are raised."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30, help="up to today (default: %(default)s)")
        parser.add_argument("--requests", type=int, default=50_000, help="in all (default: %(default)s)")
        parser.add_argument(
            "--seed", type=int, default=1, help="another one makes other requests (default: %(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= 366 or options["requests"] < 1:
            raise CommandError("--days takes 1 to 366, --requests 1 or more.")
        begun = time.monotonic()
        now = timezone.now()
        days = [now.date() - dt.timedelta(days=back) for back in range(options["days"] - 1, -1, -1)]
        tenants = {
            tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=[item.tenant for item in traffic.TRAFFIC])
        }
        plans = tuple(item for item in traffic.TRAFFIC if item.tenant in tenants)
        if not plans:
            raise CommandError("There are no tenants of the demonstration: run manage.py seed_demo first.")
        counts = traffic_rows.spread(plans, days, options["requests"], options["seed"])
        partitions.make(days)
        try:
            grounds = {plan.tenant: traffic_writer.ground(plan, tenants[plan.tenant], now) for plan in plans}
        except LookupError as error:
            raise CommandError(str(error)) from error
        adder = _Adder(now)
        adder.start()
        try:
            for day in days:
                for plan in plans:
                    tenant, count = tenants[plan.tenant], counts[plan.tenant, day]
                    adder.written += traffic_writer.write_day(
                        plan, grounds[plan.tenant], tenant, day, count, now=now, seed=options["seed"]
                    )
            self._say(f"{adder.written:,} rows written", begun)
        finally:
            adder.has_all = True
            adder.join()
        if adder.error is not None:
            raise adder.error
        self._say("rolled up", begun)
        while packing.pack(now, seconds=60):
            pass
        self._say("end users packed", begun)
        for tenant in tenants.values():
            votes, scores = traffic_quality.rate(tenant.pk)
            self.stdout.write(f"{tenant}: {votes:,} votes, {scores:,} scores")
        for plan in plans:
            for line in traffic_room.make(tenants[plan.tenant], now):
                self.stdout.write(f"{tenants[plan.tenant]}: {line}")
        _analyze(*READ)

    def _say(self, text: str, begun: float) -> None:
        self.stdout.write(f"{text} after {time.monotonic() - begun:.1f} s")


class _Adder(threading.Thread):
    """Rolls up what is written, beside the writing, a lot at a time; ends when all is, where a worker is at it already as well."""

    def __init__(self, now: dt.datetime) -> None:
        super().__init__(daemon=True)
        self.now = now
        self.written = 0
        self.has_all = False
        self.error: Exception | None = None

    def run(self) -> None:
        rolled = 0
        try:
            while True:
                has_all = self.has_all
                if not has_all and self.written - rolled < ROLLED_AT_ONCE:
                    time.sleep(0.2)
                    continue
                if not rolled:
                    _analyze(
                        "gateway_requestlog"
                    )  # sooner than PostgreSQL itself would: knowing nothing of new partitions, it plans for hours
                taken = rolling.roll_up(self.now, limit=ROLLED_AT_ONCE)
                rolled += taken or 0
                if taken is None:
                    time.sleep(0.5)
                elif has_all and not taken:
                    return
        except Exception as error:  # the writing thread raises it
            self.error = error
        finally:
            connection.close()


def _analyze(*tables: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables)}")
