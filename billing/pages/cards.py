"""What the console's first page says of limits and alerts."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing import in_force, inbox, telling
from billing.pages import shown_lines
from tenants import visits
from tenants.pages.home import Card, card

NEAREST = 3


@card(order=30)
def budgets(request: HttpRequest) -> Card:
    """The limits that are nearest to being used up; or that there is no budget yet."""
    visit, now = visits.of(request), timezone.now()
    link = reverse("console:billing_budget_changelist")
    lines = [line for line in in_force.read(visit.tenant, now) if line.is_active]
    if not any(line.origin == in_force.BUDGET for line in lines) and visit.may("add", "budgets"):
        text = _("A budget stops what runs away, and tells you before.")
        return Card(_("Set a budget"), "savings", text, link, _("See three proposals"), step=4)
    nearest = sorted((line for line in lines if line.nearest), key=lambda line: -line.closeness)[:NEAREST]
    full = sum(1 for line in lines if line.closeness >= 1)
    text = (
        ngettext("%(count)d limit is used up.", "%(count)d limits are used up.", full) % {"count": full} if full else ""
    )
    context = {"lines": [shown_lines.shown(line, [], now) for line in nearest]}
    return Card(_("Budgets"), "savings", text, link, _("See all limits"), "billing/limits/card.html", context)


@card(order=40)
def alerts(request: HttpRequest) -> Card | None:
    visit, now = visits.of(request), timezone.now()
    count = inbox.that_go_on(visit.tenant, now).count()
    link = reverse("console:billing_alert_changelist")
    if not telling.listening(visit.tenant.pk).exists() and visit.may("add", "channels"):
        text = _("Alerts are sent to nobody yet. Add an e-mail address, a webhook or Slack.")
        add = reverse("console:billing_alertchannel_add")
        return Card(_("Nobody is told"), "campaign", text, add, _("Add an alert channel"))
    if not count:
        return Card(_("Alerts"), "notifications", _("Nothing is the matter."), link, _("See earlier ones"))
    text = ngettext("%(count)d alert goes on.", "%(count)d alerts go on.", count) % {"count": count}
    return Card(_("Alerts"), "notifications", text, link, _("See the alerts"))
