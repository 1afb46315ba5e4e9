"""Amounts and times as the pages write them: as many digits as it takes, and no more."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_DOWN, Decimal

from django.utils import formats
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _

from billing import limits, sentences

CENT = Decimal("0.01")


def of(metric: str, number: int) -> Decimal:
    """A limit's integer as requests, tokens or USD."""
    return Decimal(number) / limits.NANO_PER_USD if metric == limits.USD else Decimal(number)


def used(metric: str, number: int) -> str:
    """What was used, in the limit's integer unit: “$34.10”, “1,200 tokens”. Rounded down, so that what is not used up does not look so."""
    amount = of(metric, number)
    return usd(amount) if metric == limits.USD else sentences.quantity(metric, amount)


def bare(metric: str, number: int) -> str:
    """What was used, without the unit that stands behind the amount: “$34.10”, “1,200”."""
    return usd(of(metric, number)) if metric == limits.USD else f"{number:,}"


def whole(metric: str, number: int) -> str:
    """An amount that somebody has set: no digit is dropped."""
    return sentences.quantity(metric, of(metric, number))


def about(metric: str, number: float) -> str:
    """An expectation, with three digits that count and without a unit."""
    if metric != limits.USD:
        digits = max(0, len(str(int(number))) - 3)
        return f"{round(number / 10**digits) * 10**digits:,}"
    amount = Decimal(number) / limits.NANO_PER_USD
    if amount >= 100:
        digits = len(str(int(amount))) - 3
        return f"${round(float(amount) / 10**digits) * 10**digits:,}"
    return usd(amount)


def usd(amount: Decimal) -> str:
    """Cents, or below a cent the first two digits that are not zero; rounded down."""
    if not amount or abs(amount) >= CENT:
        return f"${amount.quantize(CENT, rounding=ROUND_DOWN):,.2f}"
    exponent = amount.adjusted() - 1
    digits = amount.quantize(Decimal(1).scaleb(exponent), rounding=ROUND_DOWN)
    return f"${digits:,.{-exponent}f}".rstrip("0")


def exact(at: dt.datetime) -> str:
    """With the time zone, which is the one in force."""
    return f"{formats.date_format(at, 'DATETIME_FORMAT')} ({at.tzinfo})"


def soon(at: dt.datetime, now: dt.datetime) -> str:
    """A moment of the next months: “today 14:00”, “Thu 14:00”, “12 March”."""
    days = (at.date() - now.astimezone(at.tzinfo).date()).days
    if days == 0:
        return _("today %(time)s") % {"time": formats.date_format(at, "H:i")}
    if days == 1:
        return _("tomorrow %(time)s") % {"time": formats.date_format(at, "H:i")}
    if days < 7:
        return formats.date_format(at, "D H:i")
    return formats.date_format(at, "j F")


def until(at: dt.datetime, now: dt.datetime) -> str:
    """“3 days”, “5 hours”."""
    if (at - now).total_seconds() < 60:
        return _("less than a minute")
    return timeuntil(at, now, depth=1).replace("\xa0", " ")


def ago(at: dt.datetime, now: dt.datetime) -> str:
    """“3 days ago”; “just now” within a minute."""
    if (now - at).total_seconds() < 60:
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(at, now, depth=1).replace("\xa0", " ")}
