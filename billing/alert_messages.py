"""An alert in plain words and as data: what every channel sends, and what the pages show."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing import limits
from billing.alerts import EXHAUSTED
from billing.channels import Message
from billing.models import Alert, AlertChannel, AlertDelivery
from tenants.console import addresses
from tenants.models import ApiKey, Tenant

Notice = AlertDelivery.Notice
CROSSED = "budget.threshold_crossed"
EVENTS = {  # of every other kind
    Notice.RAISED: "alert.raised",
    Notice.WORSE: "alert.worse",
    Notice.RESOLVED: "alert.resolved",
}
TRIAL = "alert.test"

_DIMENSIONS = {
    limits.KEY: gettext_lazy("API key “%(name)s”"),
    limits.END_USER: gettext_lazy("end user “%(name)s”"),
    limits.TIER: gettext_lazy("tier “%(name)s”"),
    limits.TASK: gettext_lazy("task “%(name)s”"),
    limits.MODEL: gettext_lazy("model “%(name)s”"),
    limits.TAG: gettext_lazy("tag “%(name)s”"),
}
_WINDOWS = {
    "minute": gettext_lazy("this minute's amount"),
    "hour": gettext_lazy("this hour's amount"),
    "day": gettext_lazy("this day's amount"),
    "week": gettext_lazy("this week's amount"),
    "month": gettext_lazy("this month's amount"),
    "total": gettext_lazy("the whole amount"),
}


def with_key_names(alerts: QuerySet[Alert]) -> QuerySet[Any]:
    """The alerts with `key_name`: what the API key that is their subject is called; None if there is no such key any more."""
    keys = ApiKey.objects.annotate(text=Cast("id", CharField())).filter(
        tenant_id=OuterRef("tenant_id"), text=OuterRef("subject")
    )
    return alerts.annotate(key_name=Subquery(keys.values("name")[:1]))


def of(alert: Any, delivery_id: UUID, notice: str = Notice.RAISED) -> Message:
    """The message of one delivery of an alert out of `with_key_names`, with its tenant."""
    message_id = f"msg_{delivery_id.hex}"
    if alert.kind != Alert.Kind.BUDGET:
        return _of_episode(alert, message_id, notice)
    return Message(
        id=message_id,
        event=CROSSED,
        at=alert.crossed_at,
        subject=_subject(alert),
        text=text(alert),
        data=_data(alert),
    )


def _of_episode(alert: Any, message_id: str, notice: str) -> Message:
    said = {
        Notice.RAISED: "%(text)s",
        Notice.WORSE: _("Worse: %(text)s"),
        Notice.RESOLVED: _("Over: %(text)s"),
    }[Notice(notice)]
    at = {Notice.WORSE: alert.worse_at, Notice.RESOLVED: alert.resolved_at}.get(Notice(notice))
    data = {
        "alert_id": str(alert.id),
        "tenant": _tenant(alert.tenant),
        "kind": alert.kind,
        "severity": alert.severity,
        "source": alert.source,
        "subject": alert.subject,
        "name": alert.name,
        "text": alert.text,
        "began_at": alert.crossed_at.isoformat(),
        "worse_at": alert.worse_at.isoformat() if alert.worse_at else None,
        "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
        "view": addresses.console(alert.tenant.slug) + alert.view if alert.view else None,
        "details": alert.data,
    }
    return Message(
        id=message_id,
        event=EVENTS[Notice(notice)],
        at=at or alert.crossed_at,
        subject=said % {"text": f"{alert.tenant.name}: {alert.name}"},
        text=said % {"text": text(alert)},
        data=data,
    )


def trial(channel: AlertChannel, message_id: UUID, now: dt.datetime) -> Message:
    """What is sent to try a channel out."""
    words = _(
        "%(tenant)s: this is a test alert of Tollgate's for the channel “%(channel)s”. No budget was crossed."
    ) % {
        "tenant": channel.tenant.name,
        "channel": channel.name,
    }
    return Message(
        id=f"msg_{message_id.hex}",
        event=TRIAL,
        at=now,
        subject=_("%(tenant)s: test alert") % {"tenant": channel.tenant.name},
        text=words,
        data={"tenant": _tenant(channel.tenant), "channel": channel.name, "text": words},
    )


def text(alert: Any) -> str:
    """Such as: Acme: budget “Support bot” has used 80 % ($40.12 of $50.00) of this month's amount; it resets on 1 December 00:00
    (Europe/Vienna)."""
    if alert.kind != Alert.Kind.BUDGET:
        return f"{alert.tenant.name}: {alert.text}"
    values = {
        "tenant": alert.tenant.name,
        "what": what(alert),
        "percent": percent(alert),
        "used": quantities(alert),
        "window": _WINDOWS[alert.window],
        "end": _end(alert),
    }
    if alert.threshold < EXHAUSTED:
        said = _("%(tenant)s: %(what)s has used %(percent)s %% (%(used)s) of %(window)s; it resets on %(end)s.")
        said_of_total = _("%(tenant)s: %(what)s has used %(percent)s %% (%(used)s) of %(window)s, which never resets.")
    else:
        said = _(
            "%(tenant)s: %(what)s is used up (%(used)s of %(window)s). Requests are refused until it resets on %(end)s."
        )
        said_of_total = _(
            "%(tenant)s: %(what)s is used up (%(used)s of %(window)s). Requests are refused until it is raised."
        )
    return (said if alert.window_end else said_of_total) % values


def what(alert: Any) -> str:
    """What was crossed, and whose: a budget by its name, a key by its own."""
    whose = subject_name(alert)
    whose = str(_DIMENSIONS[alert.dimension]) % {"name": whose} if whose else ""
    if alert.source.startswith("key:"):
        return whose
    named = _("limit “%(name)s”") if alert.source.startswith("plan:") else _("budget “%(name)s”")
    named %= {"name": alert.name}
    return f"{named}, {whose}," if whose else named


def subject_name(alert: Any) -> str:
    """The subject as people know it; empty for the whole tenant."""
    if alert.dimension != limits.KEY:
        return str(alert.subject)
    return alert.key_name or _("deleted (%(id)s)") % {"id": alert.subject}


def percent(alert: Any) -> int:
    """Of the amount of an alert about a budget, rounded down."""
    return int(alert.used * 100 // alert.amount) if alert.amount else EXHAUSTED


def quantities(alert: Any) -> str:
    """Of an alert about a budget, such as $40.12 of $50.00, or 800 of 1,000 requests."""
    if alert.metric == limits.USD:
        decimals = 2 if alert.amount >= 1 else 6
        return _("%(used)s of %(amount)s") % {
            "used": _usd(alert.used, decimals),
            "amount": _usd(alert.amount, decimals),
        }
    amount = int(alert.amount)
    unit = (
        ngettext("request", "requests", amount)
        if alert.metric == limits.REQUESTS
        else ngettext("token", "tokens", amount)
    )
    return _("%(used)s of %(amount)s %(unit)s") % {
        "used": f"{int(alert.used):,}",
        "amount": f"{amount:,}",
        "unit": unit,
    }


def _usd(amount: Decimal, decimals: int) -> str:
    """Rounded down, so that what is not used up does not look so. Two decimals at least."""
    rounded = amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_DOWN).normalize()
    return f"${rounded:,.{max(2, -int(rounded.as_tuple().exponent))}f}"


def _subject(alert: Any) -> str:
    values = {"tenant": alert.tenant.name, "what": what(alert).rstrip(","), "percent": percent(alert)}
    if alert.threshold < EXHAUSTED:
        return _("%(tenant)s: %(what)s at %(percent)s %%") % values
    return _("%(tenant)s: %(what)s is used up") % values


def _end(alert: Alert) -> str:
    if alert.window_end is None:
        return ""
    zone = ZoneInfo(alert.tenant.timezone)
    return f"{formats.date_format(alert.window_end.astimezone(zone), 'j F H:i')} ({zone})"


def _data(alert: Any) -> dict[str, Any]:
    """As documented in docs/operating.md. Amounts are strings, so that no reader's floating point touches them."""
    return {
        "alert_id": str(alert.id),
        "tenant": _tenant(alert.tenant),
        "severity": alert.severity,
        "budget": {"id": str(alert.budget_id) if alert.budget_id else None, "source": alert.source, "name": alert.name},
        "dimension": alert.dimension,
        "subject": alert.subject,
        "subject_name": subject_name(alert),
        "metric": alert.metric,
        "threshold_percent": alert.threshold,
        "used_percent": percent(alert),
        "used": f"{alert.used.normalize():f}",
        "amount": f"{alert.amount.normalize():f}",
        "window": {
            "kind": alert.window,
            "start": alert.window_start.isoformat(),
            "end": alert.window_end.isoformat() if alert.window_end else None,
        },
        "text": text(alert),
    }


def _tenant(tenant: Tenant) -> dict[str, str]:
    return {"id": str(tenant.id), "slug": tenant.slug, "name": tenant.name}
