"""What pages that wait for a request ask every second: the requests that have ended since."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing import money
from gateway import arrivals
from gateway.arrivals import Arrival
from tenants import ids, visits
from tenants.sites import console

LONGEST = dt.timedelta(days=1)  # that a page is believed to have waited


@dataclass(frozen=True)
class Line:
    """A request in words. All texts are ready."""

    is_answered: bool
    title: str
    model: str
    latency: str
    tokens: str
    cost: str
    error: str


@console.page("arrivals/", name="arrivals", subject="requests")
@require_safe
@never_cache
def arriving(request: HttpRequest) -> HttpResponse:
    """The latest of them as a part of the page; 204 while there is none. `after` is Unix ms, `key` an API key's id."""
    now = timezone.now()
    found = arrivals.since(visits.of(request).tenant, _after(request.GET.get("after", ""), now))
    key_id = ids.parse(request.GET.get("key", ""))
    if key_id is not None:
        found = [item for item in found if item.api_key_id == key_id]
    if not found:
        return HttpResponse(status=204)
    # One that was answered is what was waited for, whatever came after it.
    best = next((item for item in found if item.is_answered), found[0])
    return HttpResponse(render_to_string("gateway/arrival.html", {"line": line(best)}))


def line(item: Arrival) -> Line:
    return Line(
        is_answered=item.is_answered,
        title=_("Your request was answered.") if item.is_answered else _("A request came, and failed."),
        model=f"{item.model} · {item.provider}" if item.provider else item.model,
        latency=_("%(ms)s ms") % {"ms": f"{item.latency_ms:,.0f}"},
        tokens=_("%(input)s in, %(output)s out")
        % {"input": f"{item.input_tokens:,}", "output": f"{item.output_tokens:,}"},
        cost=money.short(item.cost_usd),
        error=f"{item.status} · {item.error}" if item.error else str(item.status),
    )


def _after(text: str, now: dt.datetime) -> dt.datetime:
    """Not longer ago than a page waits, so that nobody has the whole log searched."""
    earliest = now - LONGEST
    try:
        asked = dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return now
    return max(asked, earliest)
