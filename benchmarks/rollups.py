"""`make bench-rollups`: how many records a second one worker adds to the rollups, beside the 2,000 a second that a busy installation makes.

Records as of one minute after the other at that rate, of tasks, models, keys and users as many as are given, drained before the measurement
begins; then rolled up in lots of what comes in between two runs of the worker, and in the larger ones of a backlog. CPU is that of
PostgreSQL's backend and of this process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks import throwaway

ROOT = Path(__file__).resolve().parent.parent
RATE = 2000
# Models belong to one provider each; most requests end well; users are drawn so that some call much more than others.
FILL = """
    INSERT INTO gateway_requestlog (
        accepted_at, id, request_id, attempt, tenant_id, api_key_id, endpoint, end_user, task, feature, tags, model_asked, model_served,
        provider, is_stream, status, outcome, error_type, error_message, finish_reason, cache, input_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, usage_source, cost_usd, is_priced, latency_ms,
        ttft_ms, steps_us
    )
    SELECT now() - interval '1 hour' + make_interval(secs => n / %(rate)s::float), gen_random_uuid(), gen_random_uuid(), 1,
        ('00000000-0000-7000-8000-' || lpad((1 + floor(random() ^ 2 * %(tenants)s))::text, 12, '0'))::uuid,
        ('00000000-0000-7000-9000-' || lpad((n %% %(keys)s)::text, 12, '0'))::uuid,
        CASE WHEN n %% 3 = 0 THEN 'messages' ELSE 'chat.completions' END, 'user-' || floor(random() ^ 3 * %(users)s),
        'task-' || n %% %(tasks)s, 'feature-' || n %% %(tasks)s,
        ARRAY['web', 'team-' || n %% 4], 'm', 'model-' || m, 'provider-' || m %% 3, n %% 2 = 0,
        CASE WHEN r > 0.02 THEN 200 ELSE 503 END, CASE WHEN r > 0.02 THEN 'ok' ELSE 'upstream_error' END,
        CASE WHEN r > 0.02 THEN '' ELSE 'upstream_overloaded' END, '', 'stop', (ARRAY['miss', 'miss', 'bypass'])[1 + n %% 3], 1000, 300,
        0, 0, 200, 0, 'reported', round((random() * 0.01)::numeric, 9), true, exp(5 + 3 * random()), exp(4 + 2 * random()),
        '{"authenticate": 30, "validate": 50, "route": 40, "reserve": 400, "prepare": 40, "first_byte": 300000, "stream": 500000}'
    FROM generate_series(0, %(count)s - 1) AS n, LATERAL (SELECT random() AS r, floor(random() ^ 2 * %(models)s)::int AS m, n AS again) AS
    drawn
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-rollups", description=__doc__)
    parser.add_argument("--records", type=int, default=240_000, help="(default: %(default)s)")
    parser.add_argument("--tenants", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--keys", type=int, default=10)
    parser.add_argument("--users", type=int, default=20_000)
    options = parser.parse_args()
    with throwaway.running():
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, check=True)
        _measure(options)


def _measure(options: argparse.Namespace) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from dashboards import rolling

    with connection.cursor() as cursor:
        cursor.execute(FILL, {"count": options.records, "rate": RATE, **vars(options)})
        cursor.execute("ANALYZE gateway_requestlog")
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    print(
        f"{options.records:,} records at {RATE:,} a second; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print(f"{'lot':>8}{'runs':>6}{'s a run':>10}{'records/s':>12}{'CPU µs a record':>18}{'x the rate':>12}")
    for lot in (RATE * 5, RATE * 10, rolling.BATCH):
        _refill()
        times = []
        cpu = _cpu(backend)
        while True:
            begun = time.perf_counter()
            taken = rolling.roll_up(timezone.now(), limit=lot)
            if not taken:
                break
            times.append(time.perf_counter() - begun)
        used = (_cpu(backend) - cpu) / options.records * 1e6
        rate = options.records / sum(times)
        print(
            f"{lot:>8,}{len(times):>6}{statistics.median(times):>10.2f}{rate:>12,.0f}{used:>18.0f}{rate / RATE:>12.1f}"
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT level, count(*) FROM dashboards_cell GROUP BY 1 ORDER BY 1")
        print("rows by level:", ", ".join(f"{level}: {count:,}" for level, count in cursor.fetchall()))
        cursor.execute(
            "SELECT (SELECT sum(requests) FROM dashboards_cell WHERE level = 3 AND shape = 1), (SELECT count(*) FROM gateway_requestlog)"
        )
        rolled, logged = cursor.fetchone()
        assert rolled == logged, f"{rolled} rolled up of {logged}"


def _refill() -> None:
    """Nothing has been added yet, and everything waits."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE dashboards_cell, dashboards_calendar, gateway_logchange")
        cursor.execute(
            "INSERT INTO gateway_logchange (tenant_id, accepted_at, record_id) "
            "SELECT tenant_id, accepted_at, id FROM gateway_requestlog ORDER BY accepted_at"
        )
        cursor.execute("ANALYZE gateway_logchange")


def _cpu(backend: psutil.Process) -> float:
    """Seconds of CPU so far."""
    used, own = backend.cpu_times(), time.process_time()
    return used.user + used.system + own


if __name__ == "__main__":
    main()
