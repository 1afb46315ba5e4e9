"""Looks after every tenant: reads, has it judged, and opens and closes the episodes. Alerts are billing's, and so is telling of them.

A look at one tenant is one transaction under a lock of the tenant's: of two workers one looks and the other passes on, so nobody decides by
what was read before another one decided. Alert, change and deliveries are written together; whoever dies in between has done nothing,
and the next look, a minute later, does it. Nothing is remembered between looks but the episodes themselves.

A tenant that cannot be looked at is logged, and keeps no other from being looked at. What cannot be read (Redis is away, records wait to be
added up) is left as it is.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone
from redis.exceptions import RedisError

from billing import alert_settings, episodes
from billing.models import Severity
from dashboards.alarms import breaking, evidence, findings, fleet, sentences
from dashboards.alarms.deciding import Change
from dashboards.alarms.findings import FAST, SLOW, Finding, Kind, Now, Thing
from dashboards.alarms.fleet import Standing
from tenants.models import Tenant

logger = logging.getLogger(__name__)

LOCK = 0x7011_A1A2
RUN_SECONDS = 50.0
SLOW_EVERY = 10  # minutes: what is judged by the hour or the week
BEGINNINGS = {Change.BEGIN: Severity.WARNING, Change.BEGIN_WORSE: Severity.CRITICAL}


def run(*, clock: Callable[[], dt.datetime] = timezone.now, seconds: float = RUN_SECONDS) -> int:
    """Look at every tenant that there is something to see of, in no order, for so many seconds at most; returns at how many.

    Idempotent, and safe to run twice at once.
    """
    until = time.monotonic() + seconds
    standings = _standings()
    tenants = evidence.candidates(clock(), [*FAST, *SLOW])
    random.shuffle(tenants)  # where there is no time for all, each has its turn
    looked_at = 0
    for tenant in tenants:
        if time.monotonic() > until:
            logger.warning("no time to look at %s of %s tenants for alerts", len(tenants) - looked_at, len(tenants))
            break
        now = clock()
        minute = int(now.timestamp()) // 60
        try:
            look(tenant, now, standings, is_slow=(minute + _number(tenant.pk)) % SLOW_EVERY == 0)
        except Exception:
            logger.exception("tenant %s could not be looked at for alerts", tenant.pk)
        looked_at += 1
    return looked_at


def _standings() -> Mapping[str, Standing] | None:
    try:
        return fleet.standings()
    except RedisError as error:
        logger.warning("circuit breakers cannot be read: %s", error)
        return None


def look(tenant: Tenant, now: dt.datetime, standings: Mapping[str, Standing] | None, *, is_slow: bool) -> int:
    """One tenant; returns how many episodes began, got worse or ended. `standings` None: nothing is known of breakers."""
    with transaction.atomic():
        if not _locked(tenant.pk):
            return 0
        known = _known(tenant, now)
        judged, found = set[str](), list[Finding]()
        for kinds, some in _found(tenant, known, standings, is_slow=is_slow):
            judged |= kinds
            found += some
        changed = sum(_write(tenant.pk, finding, known) for finding in found)
        seen = {finding.thing for finding in found}
        gone = [
            thing
            for thing in known.episodes
            if thing not in seen and (thing.kind in judged or not known.is_watched(thing.kind))
        ]
        return changed + sum(_end(tenant.pk, thing, now, sentences.unwatched()) for thing in gone)


def _locked(tenant_id: UUID) -> bool:
    """Whether this transaction is the one that looks at the tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, _number(tenant_id)])
        return bool(cursor.fetchone()[0])


def _number(tenant_id: UUID) -> int:
    """A number of the tenant's, for its lock and to spread work by."""
    return tenant_id.int & 0x7FFF_FFFF


def _known(tenant: Tenant, now: dt.datetime) -> Now:
    rows = episodes.under_way(tenant.pk, [*FAST, *SLOW])
    things = {Thing(row.kind, row.source, row.subject): row for row in rows}
    return Now(now, ZoneInfo(tenant.timezone), alert_settings.of(tenant.pk), things)


def _found(
    tenant: Tenant, known: Now, standings: Mapping[str, Standing] | None, *, is_slow: bool
) -> Iterator[tuple[set[str], list[Finding]]]:
    """Which kinds were judged, and what was found. Only what is watched for is read."""
    wanted = {kind for kind in (*FAST, *(SLOW if is_slow else ())) if known.is_watched(kind)}
    if wanted & {Kind.ERRORS, Kind.LATENCY}:
        traffic = evidence.traffic(tenant, known.at)
        for kind, find in ((Kind.ERRORS, findings.errors), (Kind.LATENCY, findings.latency)):
            if kind in wanted:
                yield {kind}, list(find(traffic, known))
    if Kind.BREAKER in wanted and standings is not None:
        yield {Kind.BREAKER}, list(findings.breakers(_concerning(tenant, known, standings), known))
    if wanted & {Kind.HIT_RATE, Kind.SPEND} and (hours := evidence.hours(tenant, known.at)) is not None:
        for kind, judge in ((Kind.HIT_RATE, findings.hit_rate), (Kind.SPEND, findings.spend)):
            if kind in wanted:
                yield {kind}, list(judge(hours, known))
    if Kind.QUALITY in wanted:
        votes, scores = evidence.votes(tenant, known.at), evidence.scores(tenant, known.at)
        yield {Kind.QUALITY}, list(findings.quality(votes, scores, known))


def _concerning(tenant: Tenant, known: Now, standings: Mapping[str, Standing]) -> dict[str, Standing]:
    """The models whose breakers may be the tenant's matter: its own; of the operator's those that it called within a day; and those
    that an episode is under way of."""
    lately = known.at - breaking.CALM
    found = {thing.subject for thing in known.episodes if thing.kind == Kind.BREAKER}
    unwell = {
        model_id: standing
        for model_id, standing in standings.items()
        if not standing.is_closed or (standing.changed_at is not None and standing.changed_at >= lately)
    }
    found |= {model_id for model_id, standing in unwell.items() if standing.owner == tenant.pk}
    shared = {model_id: standing.model for model_id, standing in unwell.items() if standing.owner is None}
    if shared:
        called = evidence.called_models(tenant, known.at)
        found |= {model_id for model_id, model in shared.items() if model in called}
    return {model_id: standings[model_id] for model_id in found if model_id in standings}


def _write(tenant_id: UUID, finding: Finding, known: Now) -> bool:
    thing, at = finding.thing, known.at
    of = {"kind": thing.kind, "source": thing.source, "subject": thing.subject}
    if finding.change in BEGINNINGS:
        words = finding.words()
        begun = episodes.begin(
            tenant_id,
            **of,
            severity=BEGINNINGS[finding.change],
            name=words.name,
            text=words.text,
            at=at,
            data=dict(finding.data),
            view=finding.view,
        )
        return begun is not None
    if finding.change is Change.GET_WORSE:
        words = finding.words()
        worse = episodes.worsen(tenant_id, **of, severity=Severity.CRITICAL, name=words.name, text=words.text, at=at)
        return worse is not None
    if finding.change is Change.END_UNMEASURED:
        return _end(tenant_id, thing, at, sentences.unmeasured())
    return finding.change is Change.END and _end(tenant_id, thing, at, finding.because)


def _end(tenant_id: UUID, thing: Thing, at: dt.datetime, because: str = "") -> bool:
    over = episodes.resolve(
        tenant_id, kind=thing.kind, source=thing.source, subject=thing.subject, at=at, because=because
    )
    return over is not None
