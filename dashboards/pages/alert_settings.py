"""The page on which a tenant says what it wants to be alerted of besides budgets, from when on, and when it wants quiet.

Every member may read it; owners and admins change it.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from billing import alert_settings
from dashboards.pages.alert_form import AlertSettingsForm
from gateway.models import Task
from tenants import visits
from tenants.sites import console


@console.page("alerts/settings/", name="alert_settings", subject="alerts")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    visit = visits.of(request)
    may_change = visit.may("change", "alerts")
    if request.method == "POST" and not may_change:
        raise PermissionDenied
    tasks = Task.objects.filter(is_active=True).values_list("slug", flat=True)
    form = AlertSettingsForm(
        request.POST or None,
        settings=alert_settings.of(visit.tenant.pk),
        tasks=tasks,
        may_change=may_change,
    )
    if request.method == "POST" and form.is_valid():
        try:
            alert_settings.change(visit.tenant, form.values())
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved. The next look, within a minute, goes by it."))
            return HttpResponseRedirect(reverse("console:billing_alert_changelist"))
    context = {
        "title": _("What to alert of"),
        "form": form,
        "may_change": may_change,
        "zone": visit.tenant.timezone,
        "has_channels": visit.tenant.alertchannel_set.exists(),
    }
    return console.render(request, "dashboards/alarms/settings.html", context)
