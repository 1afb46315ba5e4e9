"""What the home page says of models and requests: how far the setup is, then what came in last."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import money
from gateway import onboarding
from gateway.models import RequestLog
from gateway.pages import setup
from tenants import visits
from tenants.admin import times
from tenants.pages.home import Card, card

SHOWN = 6
RECENT = dt.timedelta(days=7)  # further back the log is not searched for a home page


@card(order=0)
def setting_up(request: HttpRequest) -> Card | None:
    """Until the first request was answered."""
    visit = visits.of(request)
    progress = onboarding.progress(visit.tenant, timezone.now())
    if progress.is_done:
        return None
    steps = setup.steps(progress)
    context = {"steps": steps, "unpriced": progress.unpriced}
    done = sum(step.state == setup.DONE for step in steps)
    text = _("%(done)d of %(all)d steps are done.") % {"done": done, "all": len(steps)}
    if not visit.may("add", "keys"):
        text = f"{text} {_('Somebody with the role of a developer or an admin can go on.')}"
        return Card(_("Set up"), "rocket_launch", text, template="gateway/setup_progress.html", context=context, step=1)
    return Card(
        _("Set up"),
        "rocket_launch",
        text,
        reverse("console:setup"),
        _("Go on"),
        "gateway/setup_progress.html",
        context,
        step=1,
    )


@card(order=40)
def latest_requests(request: HttpRequest) -> Card | None:
    rows = RequestLog.objects.filter(
        tenant=visits.of(request).tenant, accepted_at__gt=timezone.now() - RECENT, is_final=True
    )
    lines = [
        {
            "url": reverse("admin:gateway_requestlog_change", args=[row.pk]),
            "model": row.model_served or row.model_asked,
            "is_answered": row.outcome == RequestLog.Outcome.OK,
            "outcome": row.get_outcome_display(),
            "at": times.ago(row.accepted_at),
            "tokens": f"{row.input_tokens + row.output_tokens:,}",
            "cost": money.short(row.cost_usd),
            "latency": f"{row.latency_ms:,.0f} ms",
        }
        for row in rows.order_by("-accepted_at", "-id")[:SHOWN]
    ]
    if not lines:
        return None
    return Card(
        _("Latest requests"),
        "receipt_long",
        "",
        reverse("console:gateway_requestlog_changelist"),
        _("All requests"),
        "gateway/latest_requests.html",
        {"lines": lines},
        is_wide=True,
    )
