"""Writes invented traffic as the drain writes real traffic: log, daily sums, end users and the list of changes in one transaction a day."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from config.management import traffic_draws, traffic_rows
from config.management.traffic_draws import Ground
from config.traffic import Traffic
from gateway import daily_usage, log_changes
from gateway.models import Model
from tenants import api_keys
from tenants.models import ApiKey, Tenant

_CHUNK = 2000  # lines


def ground(plan: Traffic, tenant: Tenant, now: dt.datetime) -> Ground:
    """What the plan's rows name. Keys that the tenant lacks are made; raises `LookupError` where the catalog lacks a model."""
    names = sorted({work.key for work in plan.workloads})
    known = {key.name: key.id for key in ApiKey.objects.filter(tenant=tenant, name__in=names).order_by("created_at")}
    for name in names:
        if name not in known:
            known[name] = api_keys.create(tenant, name=name).api_key.id
    rows = {
        model.name: model
        for model in Model.objects.filter(tenant=None).select_related("provider").defer("provider__credential")
    }
    wanted = traffic_draws.model_names(plan)
    missing = wanted - rows.keys()
    if missing:
        raise LookupError(f"The catalog lacks {', '.join(sorted(missing))}: run manage.py seed_demo first.")
    return Ground(
        tenant_id=tenant.id,
        keys=known,
        prices={name: rows[name].price_at(now) for name in wanted},
        providers={name: rows[name].provider.name for name in wanted},
        paid_users=frozenset(
            f"{plan.prefix}{plan.first_user + number}" for number in range(plan.users) if number % 7 == 2
        ),
    )


def write_day(
    plan: Traffic, base: Ground, tenant: Tenant, day: dt.date, count: int, *, now: dt.datetime, seed: int
) -> int:
    """Write one day of UTC, up to `now`; returns how many rows. A day that is there already is left alone. Atomic."""
    lines = traffic_rows.of_day(
        plan,
        base,
        day,
        count,
        today=now.date(),
        until_ms=int(now.timestamp() * 1000),
        zone=ZoneInfo(tenant.timezone),
        seed=seed,
    )
    first = next(lines, None)
    if first is None:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        at, row_id = first.split("\t", 2)[:2]
        cursor.execute("SELECT 1 FROM gateway_requestlog WHERE accepted_at = %s AND id = %s", [at, row_id])
        if cursor.fetchone():
            return 0
        for table in ("seeded", "unseeded"):
            cursor.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {table} (LIKE gateway_requestlog INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
            )
        cursor.execute("TRUNCATE seeded, unseeded")
        columns = ", ".join(traffic_rows.COLUMNS)
        with cursor.copy(f"COPY seeded ({columns}) FROM STDIN") as copy:
            part = [first]
            for line in lines:
                part.append(line)
                if len(part) >= _CHUNK:
                    copy.write("".join(part))
                    part.clear()
            copy.write("".join(part))
        cursor.execute("INSERT INTO gateway_requestlog SELECT * FROM seeded")
        written: int = cursor.rowcount
        daily_usage.add(cursor, inserted="seeded", replaced="unseeded", timezone=tenant.timezone)
        log_changes.note(cursor, inserted="seeded", replaced="unseeded", has_replaced=False)
        _note_end_users(cursor)
    return written


def _note_end_users(cursor: Any) -> None:
    cursor.execute(
        "INSERT INTO tenants_enduser (id, tenant_id, external_id, tier, created_at) "
        "SELECT gen_random_uuid(), tenant_id, end_user, min(tier), min(accepted_at) FROM seeded WHERE end_user <> '' "
        "GROUP BY tenant_id, end_user ON CONFLICT DO NOTHING"
    )
