"""`make bench-dashboards`: the server time of what each page of the dashboards asks the database, on months of made traffic.

Each cell is the median and the 95th percentile over the rounds: first of all of a page's questions one after the other, then, unless it is
CPU time that is measured, of whole pages as a browser gets them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psutil

from benchmarks import throwaway

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-dashboards", description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--only", default="", help="only pages whose name contains this")
    parser.add_argument("--pages", action="store_true", help="whole pages alone, not their questions")
    parser.add_argument("--questions", action="store_true", help="each question by itself, too")
    parser.add_argument(
        "--here", action="store_true", help="in DATABASE_URL as it is, instead of a throw-away database"
    )
    parser.add_argument(
        "--keep", type=Path, help="a folder to keep the database in, and to find it in again the next time"
    )
    parser.add_argument(
        "--cpu", action="store_true", help="CPU time, of this process and a database without parallel workers"
    )
    options = parser.parse_args()
    if options.here:
        _measure(options)
    elif options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        _measure_in(options.keep.resolve(), options)
    else:
        with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
            _measure_in(Path(name), options)


def _measure_in(folder: Path, options: argparse.Namespace) -> None:
    """On services below the folder, whose history is made unless it is there: of days that have come since, only those."""
    with throwaway.running_in(folder, durable=options.keep is not None):
        made, wanted = folder / "made", f"{options.days} {options.requests} {dt.datetime.now(dt.UTC):%Y-%m-%d}"
        _manage("migrate", "-v0")
        if not made.exists() or made.read_text() != wanted:
            _manage("seed_demo", "--json")
            _manage("seed_traffic", "--days", str(options.days), "--requests", str(options.requests), says=True)
            made.write_text(wanted)
        _measure(options)


def _manage(*command: str, says: bool = False) -> None:
    quiet = None if says else subprocess.DEVNULL
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, stdout=quiet)


def _measure(options: argparse.Namespace) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from benchmarks import whole_pages
    from tenants.models import Tenant

    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE dashboards_cell, dashboards_series, gateway_ratingday, gateway_feedback, gateway_judgement"
        )
        cursor.execute(
            "SELECT count(*), pg_size_pretty(sum(pg_total_relation_size(relid))) FROM pg_partition_tree('dashboards_cell')"
        )
        size = cursor.fetchone()[1]
        cursor.execute("SELECT (SELECT count(*) FROM gateway_requestlog), (SELECT count(*) FROM dashboards_cell)")
        print(
            "{:,} rows in the log, {:,} in the rollups ({}); load average".format(*cursor.fetchone(), size),
            os.getloadavg()[0],
        )
        if options.cpu:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])

    def clock() -> float:
        used = backend.cpu_times() if options.cpu else None
        return used.user + used.system + time.process_time() if used else time.perf_counter()

    now = timezone.now()
    tenant = Tenant.objects.get(slug="acme")
    if not options.pages:
        _measure_questions(options, tenant, now, clock)
    if not options.cpu:
        whole_pages.measure(options.rounds, options.only)
    print("load average", os.getloadavg())


def _measure_questions(options: argparse.Namespace, tenant: Any, now: dt.datetime, clock: Callable[[], float]) -> None:
    from benchmarks import pages

    print(f"{'':38}{'median ms':>12}{'p95 ms':>10}")
    for name, view in pages.views(tenant, now).items():
        wanted = [*pages.PAGES, *([] if view.filters.stream else [pages.QUALITY])]
        wanted += [pages.month_outlook(tenant, now)] if name == "24h" else []
        _print(name, view, wanted, options, clock)
    for name, view in pages.views_across(now).items():
        _print(f"all tenants, {name}", view, [pages.OPERATOR], options, clock)


def _print(
    name: str, view: object, wanted: Iterable[object], options: argparse.Namespace, clock: Callable[[], float]
) -> None:
    for page in wanted:
        if options.only not in page.name:  # type: ignore[attr-defined]
            continue
        found = _times(page, view, options.rounds, clock)
        totals = [sum(times) for times in zip(*found, strict=True)]
        print(f"{page.name + ', ' + name:38}{statistics.median(totals):12.0f}{_p95(totals):10.0f}", flush=True)  # type: ignore[attr-defined]
        for number, times in enumerate(found if options.questions else [], start=1):
            print(f"{f'    question {number}':38}{statistics.median(times):12.1f}{_p95(times):10.1f}", flush=True)


def _times(page: object, view: object, rounds: int, clock: Callable[[], float]) -> list[list[float]]:
    """Milliseconds of each question in each round; a first round warms up."""
    found: list[list[float]] = [[] for _question in page.questions]  # type: ignore[attr-defined]
    for number in range(rounds + 1):
        for times, question in zip(found, page.questions, strict=True):  # type: ignore[attr-defined]
            begun = clock()
            question(view)
            if number:
                times.append((clock() - begun) * 1000)
    return found


def _p95(times: list[float]) -> float:
    return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


if __name__ == "__main__":
    main()
