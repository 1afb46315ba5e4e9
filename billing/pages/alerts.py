"""The alerts page: what people were told, whether it goes on, and what came of each delivery."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing import alert_messages, deliveries, figures, inbox
from billing.models import Alert, AlertDelivery, Severity
from tenants import visits
from tenants.sites import console

Status = AlertDelivery.Status
Notice = AlertDelivery.Notice
PER_PAGE = 25
STATES = {"": gettext_lazy("All"), "on": gettext_lazy("Going on"), "over": gettext_lazy("Over")}
LOOKS = {Status.WAITING: "warning", Status.DELIVERED: "good", Status.FAILED: "critical"}
ICONS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


@console.page("alerts/", name="billing_alert_changelist", subject="alerts")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """To look at it is to have seen it: the bell stops counting what is here."""
    visit, now = visits.of(request), timezone.now()
    state, severity = request.GET.get("state", ""), request.GET.get("severity", "")
    rows = inbox.of(visit.tenant).filter(is_outdone=False)
    if state in ("on", "over"):
        rows = rows.filter(inbox.going_on(now)) if state == "on" else rows.exclude(inbox.going_on(now))
    if severity in Severity.values:
        rows = rows.filter(severity=severity)
    found: Any = Paginator(rows, PER_PAGE).get_page(request.GET.get("p"))
    open_ones = set(
        Alert.objects.filter(inbox.going_on(now), pk__in=[row.pk for row in found]).values_list("pk", flat=True)
    )
    context = {
        "title": _("Alerts"),
        "page": found,
        "alerts": [_shown(row, row.pk in open_ones, now) for row in found],
        "states": STATES,
        "state": state if state in STATES else "",
        "severities": Severity.choices,
        "severity": severity if severity in Severity.values else "",
        "settings_url": reverse("console:alert_settings"),
        "may_resend": visit.may("change", "channels"),
        "has_channels": visit.tenant.alertchannel_set.exists(),
    }
    if request.user.is_authenticated:
        inbox.note_seen(visit.tenant, request.user, now)
    return console.render(request, "billing/alerts/page.html", context)


@console.page("alerts/bell/", name="billing_bell", subject="alerts")
@require_safe
@never_cache
def bell(request: HttpRequest) -> HttpResponse:
    """The bell alone, which pages ask for again as long as they are looked at."""
    return console.render(request, "billing/alerts/bell.html", {"bell": bell_of(request)})


@console.page(
    "alerts/deliveries/<uuid:delivery_id>/resend/", name="billing_delivery_resend", subject="channels", action="change"
)
@require_POST
def resend(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    rows = AlertDelivery.objects.select_related("channel").defer("channel__secret", "channel__former_secret")
    delivery = get_object_or_404(rows, pk=delivery_id, tenant=visits.of(request).tenant)
    name = delivery.channel.name
    try:
        is_sent_again = deliveries.resend(delivery, timezone.now())
    except deliveries.SwitchedOff as error:
        messages.error(request, str(error))
    else:
        if is_sent_again:
            messages.success(request, _("It is on its way to “%(name)s” again.") % {"name": name})
        else:
            messages.info(request, _("It is on its way to “%(name)s” already.") % {"name": name})
    return HttpResponseRedirect(reverse("console:billing_alert_changelist"))


def standing_of(request: HttpRequest) -> inbox.Standing:
    """The tenant's alerts and the person; read once for a page, whose bell and cards ask for it."""
    known: inbox.Standing | None = getattr(request, "_tollgate_alerts", None)
    if known is None:
        known = inbox.standing(visits.of(request).tenant, request.user, timezone.now())
        request._tollgate_alerts = known  # type: ignore[attr-defined]
    return known


def bell_of(request: HttpRequest) -> dict[str, Any] | None:
    """What the bell shows; None where there is none."""
    visit = visits.found(request)
    if visit is None or not request.user.is_authenticated or not visit.may("view", "alerts"):
        return None
    severities = standing_of(request).unseen
    count = min(len(severities), inbox.MOST_COUNTED)
    return {
        "url": reverse("console:billing_alert_changelist"),
        "live": reverse("console:billing_bell"),
        "count": f"{count}+" if count >= inbox.MOST_COUNTED else str(count) if count else "",
        "look": "critical" if Severity.CRITICAL in severities else "warning",
        "label": _("Alerts: %(count)d new") % {"count": count} if count else _("Alerts: nothing new"),
    }


def _shown(alert: Any, is_open: bool, now: Any) -> dict[str, Any]:
    crossed_at = timezone.localtime(alert.crossed_at)
    is_budgets = alert.kind == Alert.Kind.BUDGET
    return {
        "pk": alert.pk,
        "severity": alert.severity,
        "severity_name": Severity(alert.severity).label,
        "icon": ICONS[Severity(alert.severity)],
        "kind": Alert.Kind(alert.kind).label,
        "text": capfirst(alert_messages.text(alert).removeprefix(f"{alert.tenant.name}: ")),
        "link": _link(alert),
        "shows_why": bool(alert.view),
        "percent": f"{alert.threshold} %" if is_budgets else "",
        "is_open": is_open,
        "iso": crossed_at.isoformat(),
        "ago": figures.ago(alert.crossed_at, now),
        "exact": figures.exact(crossed_at),
        "deliveries": [_delivery(item, now) for item in alert.deliveries.all()],
        "has_to_be_seen": is_open and any(item.status == Status.FAILED for item in alert.deliveries.all()),
    }


def _link(alert: Any) -> str:
    """To where one sees why, or does something about it."""
    if alert.budget:
        return reverse("console:billing_budget_change", args=[alert.budget_id])
    return reverse("console:index") + alert.view if alert.view else ""


def _delivery(item: AlertDelivery, now: dt.datetime) -> dict[str, Any]:
    status = Status(item.status)
    at = {Status.DELIVERED: item.delivered_at, Status.WAITING: item.next_attempt_at}.get(status)
    return {
        "pk": item.pk,
        "channel": item.channel.name,
        "notice": Notice(item.notice).label.lower() if item.notice != Notice.RAISED else "",
        "status": status.label,
        "look": LOOKS[status],
        "is_waiting": status == Status.WAITING,
        "said": _how_it_went(item, status, now),
        "exact": figures.exact(timezone.localtime(at)) if at else "",
        "errors": item.errors,
    }


def _how_it_went(item: AlertDelivery, status: Status, now: dt.datetime) -> str:
    attempts = ngettext("%(count)d attempt", "%(count)d attempts", item.attempts) % {"count": item.attempts}
    if status == Status.DELIVERED:
        said = _("took it %(when)s") % {"when": figures.ago(item.delivered_at or now, now)}
    elif status == Status.FAILED:
        said = _("did not take it: given up after %(attempts)s") % {"attempts": attempts}
    elif item.attempts:
        words = {"attempts": attempts, "when": figures.until(max(item.next_attempt_at, now), now)}
        said = _("has not taken it in %(attempts)s; the next one is in %(when)s") % words
    else:
        said = _("is being told")
    if item.notice == Notice.RESOLVED:
        return _("%(said)s (that it is over)") % {"said": said}
    return _("%(said)s (that it got worse)") % {"said": said} if item.notice == Notice.WORSE else said
