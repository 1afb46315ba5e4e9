"""A request as its page tells it: every step in order, call by call, what each token cost, why this model, what it counts in.

Made of the log's rows alone (and the rule, if it is still there), all of which were written when the request ended. Rows that were written
by an earlier release know less; then less is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import limits, prices
from gateway.admin import cached, timeline
from gateway.admin.timeline import Bar
from gateway.models import RequestLog, RoutingRule
from gateway.routing import sentences
from tenants import audit

PICO_PER_USD = Decimal(10**12)
PICO_PER_MICRO = 10**6  # picodollars per token are this many times less than dollars per million tokens
COUNTED = (
    gettext_lazy("input, not cached"),
    gettext_lazy("input, read from the provider's cache"),
    gettext_lazy("input, written to it for 5 minutes"),
    gettext_lazy("input, written to it for an hour"),
    gettext_lazy("output"),
)
DIMENSIONS = {
    limits.TENANT: gettext_lazy("Whole tenant"),
    limits.KEY: gettext_lazy("API key"),
    limits.END_USER: gettext_lazy("End user"),
    limits.TIER: gettext_lazy("Tier"),
    limits.TASK: gettext_lazy("Task"),
    limits.MODEL: gettext_lazy("Model"),
    limits.TAG: gettext_lazy("Tag"),
}


@dataclass(frozen=True)
class CostLine:
    """Tokens × price = amount. `price`: USD per million tokens."""

    what: Any
    tokens: str
    price: str
    amount: str


@dataclass(frozen=True)
class Cost:
    """How one attempt's charge comes about. `lines` empty: nothing was used, or it is not known at which price; `note` says which."""

    lines: tuple[CostLine, ...]
    exact: str
    charged: str
    is_rounded: bool
    note: Any = ""


@dataclass(frozen=True)
class Call:
    """One attempt. `number` 0: no provider was called, or none gave the answer."""

    number: int
    title: Any
    why: str
    outcome: str
    tone: str
    error: str
    bars: tuple[Bar, ...]
    cost: Cost
    first_token: str


@dataclass(frozen=True)
class Counted:
    """What the request adds to a sum of its day."""

    dimension: Any
    subject: Any
    requests: int
    tokens: str
    cost: str


@dataclass(frozen=True)
class Rule:
    """The rule that decided. `sentence` as it reads now; empty: it is gone."""

    name: str
    link: str = ""
    sentence: str = ""
    has_changed: bool = False


@dataclass(frozen=True)
class Trace:
    calls: tuple[Call, ...]
    cost: str
    is_priced: bool
    rule: Rule | None
    why: tuple[Any, ...]
    passed_over: tuple[tuple[str, str], ...]
    day: dt.date
    counted: tuple[Counted, ...]


def final(rows: Sequence[RequestLog]) -> RequestLog:
    """The record that tells how the request ended; of one whose end has not come into the log, the latest."""
    return max(rows, key=lambda row: (row.is_final, row.attempt))


def trace(rows: Iterable[RequestLog], *, usd: Any, tones: Any) -> Trace:
    """Of all rows of one request. `usd` writes an amount, `tones` gives an outcome's colour."""
    ordered = sorted(rows, key=lambda row: (row.is_final, row.attempt))
    last = final(ordered)
    is_priced = all(row.is_priced for row in ordered)
    zone = ZoneInfo(_timezone(last))
    return Trace(
        calls=tuple(_calls(ordered, usd, tones)),
        cost=usd(sum((row.cost_usd for row in ordered), Decimal()), is_priced=is_priced),
        is_priced=is_priced,
        rule=_rule(last),
        why=tuple(_why(last, usd)),
        passed_over=tuple((model, reason) for model, reason in (*_of(last, "skipped"), *_of(last, "dropped"))),
        day=last.accepted_at.astimezone(zone).date(),
        counted=tuple(_counted(ordered, usd)),
    )


def _timezone(row: RequestLog) -> str:
    try:
        return row.tenant.timezone
    except ObjectDoesNotExist:
        return "UTC"


def _of(row: RequestLog, name: str) -> Any:
    return (row.trail or {}).get(name) or ()


def _calls(rows: Sequence[RequestLog], usd: Any, tones: Any) -> Iterable[Call]:
    """In the order in which they were made; the steps go on from one to the next."""
    whole = max(max(row.latency_ms for row in rows) * 1000, sum(sum(row.steps_us.values()) for row in rows), 1)
    begun = 0.0
    for place, row in enumerate(rows):
        bars = timeline.bars_from(row.steps_us, begun, whole, rest_to=whole if place == len(rows) - 1 else None)
        begun += sum(row.steps_us.values())
        yield Call(
            number=row.attempt,
            title=_title(row),
            why=str(_of(row, "reason") or ""),
            outcome=row.get_outcome_display(),
            tone=tones(row),
            error=" · ".join(filter(None, (row.error_type, row.error_message))),
            bars=tuple(bars),
            cost=_cost(row, usd),
            first_token=timeline.duration(row.ttft_ms * 1000) if row.is_stream and row.ttft_ms is not None else "",
        )


def _title(row: RequestLog) -> Any:
    if cached.is_answer(row):
        return _("Answered from the cache")
    if not row.attempt:
        return _("No provider's answer") if row.cache == "stale" else _("No provider was called")
    return _("%(model)s at %(provider)s") % {
        "model": row.model_served or row.model_asked,
        "provider": row.provider or "–",
    }


def _tokens(row: RequestLog) -> tuple[int, ...]:
    """As they are multiplied: `prices.cost_nanousd` says the same."""
    read, short, long = row.cache_read_tokens, row.cache_write_5m_tokens, row.cache_write_1h_tokens
    return row.input_tokens - read - short - long, read, short, long, row.output_tokens


def _cost(row: RequestLog, usd: Any) -> Cost:
    charged = usd(row.cost_usd, is_priced=row.is_priced)
    rates: tuple[int, ...] = tuple(_of(row, "rates"))
    used = _tokens(row)
    if len(rates) != len(used) or not any(used):
        note = _("No tokens were used.") if not any(used) else _("At which prices is not in this record.")
        return Cost((), "", charged, False, note)
    pico = [tokens * rate for tokens, rate in zip(used, rates, strict=True)]
    exact = sum(pico) / PICO_PER_USD
    nano = (sum(pico) + prices.PICO_PER_NANO // 2) // prices.PICO_PER_NANO
    note = ""
    if prices.usd(nano) != row.cost_usd:
        note = _("This is not what the tokens come to: it was charged as it had been reserved.")
    lines = [
        CostLine(what, f"{tokens:,}", f"${Decimal(rate) / PICO_PER_MICRO:f}", usd(Decimal(amount) / PICO_PER_USD))
        for what, tokens, rate, amount in zip(COUNTED, used, rates, pico, strict=True)
        if tokens
    ]
    return Cost(tuple(lines), usd(exact), charged, exact != row.cost_usd and not note, note)


def _rule(row: RequestLog) -> Rule | None:
    """By its name, the tenant's own before the operator's, as the router takes them."""
    name = str(_of(row, "rule") or "")
    if not name:
        return None
    rows = RoutingRule.objects.filter(name=name).prefetch_related("targets__model")
    found = next((rule for rule in rows if rule.tenant_id == row.tenant_id), None)
    found = found or next((rule for rule in rows if rule.tenant_id is None), None)
    if found is None:
        return Rule(name)
    targets = list(found.targets.all())
    told = sentences.rule(
        found.conditions(), found.choice(), [target.model.name for target in targets], [item.weight for item in targets]
    )
    return Rule(
        name,
        reverse("admin:gateway_routingrule_change", args=[found.pk]),
        told,
        audit.history_of(found).filter(timestamp__gt=row.accepted_at).exists(),
    )


def _why(row: RequestLog, usd: Any) -> Iterable[Any]:
    """What else decided how the request went, in sentences."""
    trail = row.trail or {}
    if trail.get("strategy") and trail["strategy"] != "fixed":
        yield _("Chosen by the strategy “%(strategy)s”.") % {"strategy": trail["strategy"]}
    if trail.get("cascade"):
        yield _("The first answer of the cascade was %(verdict)s.") % {"verdict": trail["cascade"]}
    if trail.get("degraded_by"):
        yield _("A cheaper model was asked because of the budget “%(budget)s”.") % {"budget": trail["degraded_by"]}
    if row.refused_by:
        yield _("Refused by “%(limit)s”.") % {"limit": row.refused_by}
    if row.output_cap is not None:
        words = _("The model was allowed at most %(count)s output tokens.") % {"count": f"{row.output_cap:,}"}
        if trail.get("lowered_by"):
            words = _("%(cap)s That was lowered by “%(limit)s”.") % {"cap": words, "limit": trail["lowered_by"]}
        yield words
    if trail.get("held_nanousd"):
        yield _("Up to %(amount)s was reserved for it.") % {"amount": usd(prices.usd(trail["held_nanousd"]))}
    if told := cached.shown(row, saved=usd(row.saved_usd) if row.saved_usd is not None else ""):
        yield _("Cache: %(told)s.") % {"told": told}
    if row.prefix_saved_usd:
        yield _("The provider's cache saved %(amount)s.") % {"amount": usd(row.prefix_saved_usd)}
    if row.context_tokens_before is not None and row.context_tokens_after is not None:
        before, after = row.context_tokens_before, row.context_tokens_after
        share = f"{(before - after) / max(1, before):.0%}"
        yield _(
            "The context policy left about %(after)s of %(before)s input tokens as sent (%(share)s less to the model)."
        ) % {"before": f"{before:,}", "after": f"{after:,}", "share": share}


def _counted(rows: Sequence[RequestLog], usd: Any) -> Iterable[Counted]:
    """The sums of the day that the request is part of: as `billing.limits.subjects` and the daily sums have it."""
    sums: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        if not row.attempt:
            continue
        subjects = limits.subjects(
            key=str(row.api_key_id),
            end_user=row.end_user,
            tier=row.tier,
            task=row.task,
            model=row.model_served,
            tags=tuple(row.tags),
        )
        for dimension, subject in subjects:
            found = sums.setdefault((dimension, subject), [0, 0, Decimal()])
            is_request = row.opens_model if dimension == limits.MODEL else row.attempt == 1
            found[0] += int(is_request)
            found[1] += row.input_tokens + row.output_tokens
            found[2] += row.cost_usd
    for (dimension, subject), (requests, tokens, cost) in sums.items():
        named: Any = subject
        if dimension == limits.KEY:
            named = key_name(rows[-1])
        yield Counted(DIMENSIONS.get(dimension, dimension), named, requests, f"{tokens:,}", usd(cost))


def key_name(row: RequestLog) -> Any:
    """The key, with its page; also of one that is gone."""
    try:
        key = row.api_key
    except ObjectDoesNotExist:
        return _("deleted (%(id)s)") % {"id": row.api_key_id}
    address = reverse("admin:tenants_apikey_change", args=[key.pk])
    return format_html('<a class="tg-link" href="{}">{}</a>', address, key)
