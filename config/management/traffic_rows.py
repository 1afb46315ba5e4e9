"""Makes the rows of the request log for a day of invented traffic: the same for the same seed, whatever else there is.

A row is a line of COPY's text format; what stands in it was drawn (traffic_draws.py).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import numpy as np

from billing.prices import Price
from config import traffic
from config.management.traffic_draws import Day, Ground
from config.traffic import Traffic

COLUMNS = (
    "accepted_at", "id", "request_id", "attempt", "tenant_id", "api_key_id", "endpoint", "end_user", "task", "feature", "tags",
    "model_asked", "model_served", "provider", "is_stream", "status", "outcome", "error_type", "error_message", "finish_reason",
    "cache", "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "usage_source", "cost_usd", "is_priced", "latency_ms", "ttft_ms", "steps_us", "tier", "refused_by",
    "is_final", "opens_model", "saved_usd", "trail",
)  # fmt: skip


def spread(plans: tuple[Traffic, ...], days: list[dt.date], requests: int, seed: int) -> dict[tuple[str, dt.date], int]:
    """How many of the requests fall on which tenant's which day: weekly rhythm, growth, and a day's own luck."""
    rng = np.random.default_rng([seed, 0])
    weights = {}
    for plan in plans:
        for number, day in enumerate(days):
            growth = 1 + (plan.growth - 1) * number / max(1, len(days) - 1)
            weekly = plan.weekend if day.weekday() >= 5 else 1.0
            weights[plan.tenant, day] = plan.share * growth * weekly * math.exp(rng.normal(0, 0.08))
    total = sum(weights.values())
    counts = rng.multinomial(requests, [weight / total for weight in weights.values()])
    return dict(zip(weights, map(int, counts), strict=True))


def of_day(
    plan: Traffic,
    ground: Ground,
    day: dt.date,
    count: int,
    *,
    today: dt.date,
    until_ms: int,
    zone: dt.tzinfo,
    seed: int,
) -> Iterator[str]:
    """Lines for COPY, in the order of time; the last of a request is its final one. Nothing after `until_ms` (Unix milliseconds)."""
    if count == 0:
        return
    number = [item.tenant for item in traffic.TRAFFIC].index(plan.tenant) + 1
    rng = np.random.default_rng([seed, number, day.toordinal()])
    drawn = Day(plan, ground, day, count, today, zone, rng)
    for index in range(count):
        if drawn.at[index] >= until_ms:
            return
        yield from _lines(drawn, index)


def _lines(day: Day, i: int) -> Iterator[str]:
    work, ground, earlier = day.work[i], day.ground, day.earlier[i]
    user = f"{day.prefix}{day.first_user + day.user[i]}" if work.has_users else ""
    tags = ",".join(tag for (tag, share), luck in zip(work.tags, day.tag_luck[i], strict=False) if luck < share)
    request = f"{day.at[i]:012x}7{day.random_a[i]:03x}{0x80 << 56 | day.random_b[i] << 2:016x}"[:-2]
    asked = f"task/{work.task}" if work.task else day.first[i]
    is_stream, tier = day.is_stream[i], ("paid" if user in ground.paid_users else "free") if user else ""
    head = f"{day.stamp[i]}Z\t{request}"
    names = (
        f"{request}00\t%d\t{ground.tenant_id}\t{ground.keys[work.key]}\t{work.endpoint}\t{user}\t{work.task}\t{work.feature}\t"
        f"{{{tags}}}\t{asked}"
    )
    own = ", ".join(f'"{name}": {values[i]}' for name, values in day.own_us.items())
    took = sum(values[i] for values in day.own_us.values())
    stream = "t" if is_stream else "f"
    if earlier:
        model = day.first[i]
        event = traffic.INCIDENTS[day.incident[i]] if earlier == 2 else None
        status, error = (event.status, event.error_type) if event else (503, "upstream_overloaded")
        yield (
            f"{head}01\t{names % 1}\t{model}\t{ground.providers[model]}\t{stream}\t{status}\tupstream_error\t{error}\t"
            f"{ground.providers[model]} could not answer.\t\tbypass\t0\t0\t0\t0\t0\t0\tnone\t0\tt\t{day.wasted[i]:.3f}\t\\N\t"
            f'{{"provider": {int(day.wasted[i] * 1000)}}}\t{tier}\t\tf\tt\t\\N\t\\N\n'
        )
        took += int(day.wasted[i] * 1000)
    kind = traffic.FAILURES[day.failure[i]] if day.failure[i] >= 0 else None
    if not day.calls[i]:
        yield _uncalled(day, i, head, names, stream, tier, own, took, kind)
        return
    attempt = 2 if earlier else 1
    model = day.model[i]
    opens = "f" if earlier == 1 else "t"
    place = f"{head}0{attempt}\t{names % attempt}\t{model}\t{ground.providers[model]}\t{stream}"
    if day.is_lost[i] or (kind is not None and kind.outcome == "upstream_error"):
        status, error, message = (
            (503, "all_models_failed", "No model could answer.") if kind is None or day.is_lost[i]
            else (kind.status, kind.error_type, kind.message)
        )  # fmt: skip
        spent = 60_000_000 if error == "upstream_timeout" else day.first_us[i]
        yield (
            f"{place}\t{status}\tupstream_error\t{error}\t{message}\t\tbypass\t0\t0\t0\t0\t0\t0\tnone\t0\tt\t"
            f"{(took + spent) / 1000:.3f}\t\\N\t"
            f'{{{own}, "provider": {spent}}}\t{tier}\t\tt\t{opens}\t\\N\t\\N\n'
        )
        return
    first, write = day.first_us[i], day.write_us[i]
    whole = took + first + write
    ttft = f"{(took + first) / 1000:.3f}" if is_stream else "\\N"
    steps = f'"first_byte": {first}, "stream": {write}' if is_stream else f'"provider": {first + write}, "process": 40'
    status, outcome, error, message, source = 200, "ok", "", "", "reported"
    if kind is not None:
        status, outcome, error, message, source = (
            kind.status,
            kind.outcome,
            kind.error_type,
            kind.message,
            "estimated",
        )
    reason = "" if outcome != "ok" else "end_turn" if work.endpoint == traffic.MESSAGES else "stop"
    cost = day.cost[i]
    yield (
        f"{place}\t{status}\t{outcome}\t{error}\t{message}\t{reason}\t{day.cache[i]}\t{day.input[i]}\t{day.read[i]}\t0\t0\t{day.output[i]}\t0\t"
        f"{source}\t{_usd(cost)}\t{'f' if cost < 0 else 't'}\t{whole / 1000:.3f}\t{ttft}\t"
        f"{{{own}, {steps}}}\t{tier}\t\tt\t{opens}\t\\N\t{_trail(ground.prices[model], day.input[i])}\n"
    )


def _uncalled(
    day: Day, i: int, head: str, names: str, stream: str, tier: str, own: str, took: int, kind: traffic.Failure | None
) -> str:
    """A request that no provider was called for: refused, or answered from a cache."""
    if kind is not None:
        told = f"{kind.status}\t{kind.outcome}\t{kind.error_type}\t{kind.message}\t\t"
        attempt, model, provider, saved, refused_by = 0, "", "", "\\N", kind.refused_by
    else:  # counted as a call, though none was made
        took += day.lookup_us[i] if day.cache[i] == "semantic" else 0
        told = f"200\tok\t\t\t\t{day.cache[i]}"
        attempt, model, refused_by = 1, day.model[i], ""
        provider, saved = day.ground.providers[model], _usd(day.cost[i])
    return (
        f"{head}0{attempt}\t{names % attempt}\t{model}\t{provider}\t{stream}\t{told}\t0\t0\t0\t0\t0\t0\tnone\t0\tt\t"
        f"{took / 1000:.3f}\t\\N\t{{{own}}}\t{tier}\t{refused_by}\tt\t{'f' if attempt else 't'}\t{saved}\t\\N\n"
    )


def _trail(price: Price | None, input_tokens: int) -> str:
    """The prices that were charged, as the log has them."""
    if price is None:
        return "\\N"
    rates = price.rates_for(input_tokens)
    told = (rates.input, rates.cache_read, rates.cache_write_5m, rates.cache_write_1h, rates.output)
    return f'{{"rates": {list(told)}}}'


def _usd(nanousd: int) -> str:
    """Of no known price: nothing."""
    return f"{max(nanousd, 0) // 10**9}.{max(nanousd, 0) % 10**9:09d}"
