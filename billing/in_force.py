"""Every limit of a tenant over a window of time, with what is used, held and left of each now, and where it is heading.

Budgets, the plan's monthly amounts, what the plan allows each end user of a tier, and the keys' own amounts. What Redis counts at this
moment is taken where it is known, and the ledger's sums otherwise; both may be a moment behind, and neither more than was used, so the
larger one is shown. It is for people to look at: the reserve step decides by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.translation import gettext as _

from billing import ledger_questions, limits, live_counters, pace, selectors, windows
from billing.ledger_questions import Question
from billing.limits import Limit
from billing.models import Budget, BudgetRaise
from billing.pace import Forecast
from billing.windows import Window
from tenants.models import ApiKey, Tenant

BUDGET, PLAN, TIER, KEY = "budget", "plan", "tier", "key"
FOUND = 20  # subjects that a search shows


@dataclass(frozen=True)
class Use:
    """One subject's, in the limit's integer unit."""

    subject: str
    name: str
    used: int
    held: int
    amount: int

    @property
    def percent(self) -> int:
        """Of the amount, rounded down: 100 is all of it; above 100 where the amount was lowered."""
        return self.used * 100 // self.amount if self.amount else 100

    @property
    def left(self) -> int:
        return max(0, self.amount - self.used - self.held)


@dataclass(frozen=True)
class Line:
    """A limit at one moment. `uses` has most first, the one subject's if there is one; None: adding it up took too long.

    `budget` and `key` are there if the limit is a budget's or a key's own. `tier` is of limits that a plan sets for each of its end users.
    `forecast` is that of the first of the uses.
    """

    origin: str
    limit: Limit
    window: Window
    zone: dt.tzinfo
    amount: int
    uses: tuple[Use, ...] | None
    forecast: Forecast | None = None
    is_live: bool = True
    is_active: bool = True
    budget: Budget | None = None
    key: ApiKey | None = None
    tier: str = ""
    raised: BudgetRaise | None = None

    @property
    def is_each(self) -> bool:
        return self.limit.dimension != limits.TENANT and not self.limit.subject

    @property
    def nearest(self) -> Use | None:
        return self.uses[0] if self.uses else None

    @property
    def closeness(self) -> float:
        """The share that is used by whoever is nearest to the limit; what is switched off comes last."""
        if not self.is_active:
            return -2.0
        if self.nearest is None:
            return -1.0
        return self.nearest.used / self.nearest.amount if self.nearest.amount else 1.0


def read(tenant: Tenant, now: dt.datetime) -> list[Line]:
    """All of them, in no particular order. Never raises because Redis is away: then figures are the ledger's, and nothing is held."""
    return _measured(tenant, list(_lines(tenant, now)), now)


def of_plan(tenant: Tenant, now: dt.datetime) -> list[Line]:
    """The monthly amounts of the plan alone."""
    return _measured(tenant, [line for line in _of_plan(tenant, now) if line.origin == PLAN], now)


def of_budget(budget: Budget, now: dt.datetime) -> Line:
    """One budget's."""
    return _measured(budget.tenant, [_of_budget(budget, now)], now)[0]


def search(tenant: Tenant, line: Line, text: str) -> tuple[Use, ...] | None:
    """Of a limit for each, the subjects with `text` in their names that used most; None if that takes too long."""
    wanted = _matching_keys(tenant, text) if line.limit.dimension == limits.KEY else None
    question = _question(tenant, line)
    if wanted is None:
        (answer,) = ledger_questions.ask([replace(question, like=text, top=FOUND)])
    else:
        answer = [
            found[0] for found in ledger_questions.ask([replace(question, subject=item) for item in wanted]) if found
        ]
        answer.sort(key=lambda item: -item[1])
    if answer is None:
        return None
    return _named(tenant, _with_counters(tenant, [replace(line, uses=_uses(line, answer))]))[0].uses


def _lines(tenant: Tenant, now: dt.datetime) -> Iterator[Line]:
    rows = Budget.objects.filter(tenant=tenant).select_related("api_key").prefetch_related("raises")
    for budget in rows.order_by("name"):
        budget.tenant = tenant
        yield _of_budget(budget, now)
    yield from _of_plan(tenant, now)
    yield from _of_keys(tenant, now)


def _of_plan(tenant: Tenant, now: dt.datetime) -> Iterator[Line]:
    in_force = selectors.limits_of_plan(tenant.pk)
    for limit in in_force.limits:
        if limit.source.startswith("plan:"):
            yield _line(PLAN, limit, tenant, now)
    for name, tier in in_force.tiers.items():
        for limit in tier.limits:
            yield _line(TIER, limit, tenant, now, tier=name)


def _of_keys(tenant: Tenant, now: dt.datetime) -> Iterator[Line]:
    has_amount = Q(tokens_per_month__isnull=False) | Q(usd_per_month__isnull=False)
    is_usable = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    for key in ApiKey.objects.filter(has_amount, is_usable, tenant=tenant).order_by("name"):
        for limit in selectors.of_key(
            key_id=key.pk,
            tokens_per_month=key.tokens_per_month,
            usd_per_month=key.usd_per_month,
            changed_at=key.changed_at,
        ):
            yield _line(KEY, limit, tenant, now, key=key)


def _of_budget(budget: Budget, now: dt.datetime) -> Line:
    highest = None
    for item in budget.raises.all():
        is_higher = item.amount > (highest.amount if highest is not None else budget.amount)
        if item.starts_at <= now < item.ends_at and is_higher:
            highest = item
    return _line(
        BUDGET,
        selectors.limit_of(budget),
        budget.tenant,
        now,
        budget=budget,
        key=budget.api_key,
        is_active=budget.is_active,
        raised=highest,
    )


def _line(origin: str, limit: Limit, tenant: Tenant, now: dt.datetime, **more: Any) -> Line:
    zone = ZoneInfo(tenant.timezone)
    window = windows.window(limit.window, now.timestamp(), zone)
    return Line(origin, limit, window, zone, limit.amount_at(now.timestamp()), None, **more)


def _measured(tenant: Tenant, lines: list[Line], now: dt.datetime) -> list[Line]:
    answers = ledger_questions.ask([_question(tenant, line) for line in lines])
    lines = [
        line if answer is None else replace(line, uses=_uses(line, answer))
        for line, answer in zip(lines, answers, strict=True)
    ]
    lines = _named(tenant, _with_counters(tenant, lines))
    return _with_forecasts(tenant, lines, now)


def _question(tenant: Tenant, line: Line) -> Question:
    return Question(
        tenant_id=tenant.pk,
        dimension=line.limit.dimension,
        subject=None if line.is_each else line.limit.subject,
        metric=line.limit.metric,
        window=line.window,
        zone=line.zone,
        tier=line.tier,
    )


def _uses(line: Line, answer: Sequence[tuple[str, Decimal]]) -> tuple[Use, ...]:
    scale = limits.NANO_PER_USD if line.limit.metric == limits.USD else 1
    if not answer and not line.is_each:
        answer = [(line.limit.subject, Decimal(0))]
    return tuple(Use(subject, subject, int(used * scale), 0, line.amount) for subject, used in answer)


def _with_counters(tenant: Tenant, lines: list[Line]) -> list[Line]:
    """With what Redis counts, where it does."""
    places = [(index, use) for index, line in enumerate(lines) for use in line.uses or ()]
    asked = [
        live_counters.Asked(lines[index].limit.dimension, use.subject, lines[index].limit.metric, lines[index].window)
        for index, use in places
    ]
    try:
        counted = live_counters.counted(tenant.pk, asked)
    except live_counters.Away:
        return [replace(line, is_live=False) for line in lines]
    uses: dict[int, list[Use]] = {index: [] for index in range(len(lines))}
    for (index, use), found in zip(places, counted, strict=True):
        uses[index].append(replace(use, used=max(use.used, found.used or 0), held=found.held))
    return [
        line if line.uses is None else replace(line, uses=tuple(sorted(uses[index], key=lambda use: -use.used)))
        for index, line in enumerate(lines)
    ]


def _named(tenant: Tenant, lines: list[Line]) -> list[Line]:
    """With the keys' names in place of their ids."""
    ids = {use.subject for line in lines if line.limit.dimension == limits.KEY for use in line.uses or ()}
    names = {str(key.pk): str(key) for key in ApiKey.objects.filter(tenant=tenant, pk__in=_uuids(ids))} if ids else {}

    def named(use: Use) -> Use:
        return replace(use, name=names.get(use.subject) or _("deleted (%(id)s)") % {"id": use.subject})

    return [
        line
        if line.limit.dimension != limits.KEY or line.uses is None
        else replace(line, uses=tuple(map(named, line.uses)))
        for line in lines
    ]


def _with_forecasts(tenant: Tenant, lines: list[Line], now: dt.datetime) -> list[Line]:
    nearest = [(index, line.nearest) for index, line in enumerate(lines) if line.nearest is not None]
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    asked = [
        (replace(_question(tenant, lines[index]), subject=use.subject), pace.EARLIER[lines[index].window.kind])
        for index, use in nearest
    ]
    made = list(lines)
    for (index, use), earlier in zip(nearest, ledger_questions.earlier(asked, today), strict=True):
        scale = limits.NANO_PER_USD if lines[index].limit.metric == limits.USD else 1
        found = pace.forecast(
            use.used, use.amount, lines[index].window, now.timestamp(), [float(item) * scale for item in earlier]
        )
        made[index] = replace(lines[index], forecast=found)
    return made


def _matching_keys(tenant: Tenant, text: str) -> list[str]:
    rows = ApiKey.objects.filter(tenant=tenant, name__icontains=text).order_by("name")[:FOUND]
    return [str(key.pk) for key in rows]


def _uuids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
