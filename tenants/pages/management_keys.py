"""Management keys: what scripts manage the tenant with. Made, shown once and revoked here, and nowhere else: no key makes another."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tenants import management_keys, roles, visits
from tenants.console import addresses
from tenants.models import ManagementKey
from tenants.roles import Role
from tenants.sites import console

SUBJECTS = {
    "keys": gettext_lazy("API keys"),
    "providers": gettext_lazy("Providers"),
    "models": gettext_lazy("Models"),
    "tasks": gettext_lazy("Tasks and context policies"),
    "rules": gettext_lazy("Routing rules"),
    "budgets": gettext_lazy("Budgets and limits"),
    "channels": gettext_lazy("Alert channels"),
    "caches": gettext_lazy("Caches"),
    "end_users": gettext_lazy("End users"),
    "members": gettext_lazy("Members and invitations"),
    "alerts": gettext_lazy("Alerts"),
    "requests": gettext_lazy("The request log"),
    "statements": gettext_lazy("Statements"),
    "audit": gettext_lazy("The audit trail"),
    "content": gettext_lazy("Stored prompts and answers"),
    "dashboards": gettext_lazy("The dashboards' numbers"),
    "feedback": gettext_lazy("Feedback"),
    "labels": gettext_lazy("Labelled answers"),
    "quality_models": gettext_lazy("Quality models"),
    "cache_checks": gettext_lazy("Checks of semantic caches"),
    "subscription": gettext_lazy("The plan"),
    "tenant": gettext_lazy("The tenant's settings"),
    "sso": gettext_lazy("Single sign-on"),
    "judges": gettext_lazy("Judges, and what they may cost"),
    "judgements": gettext_lazy("Judgements, and what was measured"),
}

FIRST = {
    "audit": "audit-trail",
    "cache_checks": "semantic-checks",
    "caches": "cache-policies",
    "content": "content-policy",
    "dashboards": "metrics",
    "end_users": "end-users",
    "quality_models": "quality-models",
    "sso": "single-sign-on",
    "subscription": "subscriptions",
}  # where an address is called otherwise


class KeyForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What will manage with it?"),
        max_length=80,
        help_text=gettext_lazy("A name by which you find it again, such as “terraform”."),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), help_text=gettext_lazy("It may do what this role may."))
    subjects = forms.MultipleChoiceField(
        label=gettext_lazy("Only"),
        required=False,
        choices=[(name, SUBJECTS[name]) for name in management_keys.SUBJECTS],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Tick some to limit it to them. With none ticked it may do all that its role may."),
    )
    expires_at = forms.DateTimeField(
        label=gettext_lazy("Ends"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Refused from then on. Empty: never."),
    )

    def __init__(self, *args: Any, by_role: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["role"]
        field.choices = [(role.value, role.label) for role in reversed(roles.up_to(by_role))]
        field.initial = Role.ADMIN.value


@console.page("management-keys/", name="management_keys", subject="management_keys")
@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    return _page(request, KeyForm(by_role=visits.of(request).role))


@console.page("management-keys/add/", name="management_key_add", subject="management_keys", action="add")
@require_http_methods(["GET", "POST"])
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """The answer to the POST shows the secret, which nothing shows again."""
    visit = visits.of(request)
    form = KeyForm(request.POST or None, by_role=visit.role)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            made = management_keys.create(
                visit.tenant,
                name=told["name"],
                role=Role(told["role"]),
                subjects=told["subjects"],
                expires_at=told["expires_at"],
                by=request.user,
                by_role=visit.role,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            address = request.build_absolute_uri(addresses.outside("management_docs")).removesuffix("docs/")
            first = FIRST.get(told["subjects"][0], told["subjects"][0]) if told["subjects"] else "limits"
            context = {"title": _("Management key"), "made": made, "address": address, "first": first}
            return console.render(request, "tenants/management_key.html", context)
    return _page(request, form)


@console.page(
    "management-keys/<uuid:pk>/revoke/", name="management_key_revoke", subject="management_keys", action="change"
)
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET asks, POST revokes."""
    key = get_object_or_404(ManagementKey, pk=pk)
    if request.method == "POST":
        management_keys.revoke(key)
        messages.success(request, _("Revoked: “%(name)s” is refused from now on.") % {"name": key.name})
        return HttpResponseRedirect(reverse("console:management_keys"))
    question = _("Revoke “%(name)s”? What manages with it is refused at once. This cannot be undone.")
    context = {
        "title": _("Management keys"),
        "question": question % {"name": key.name},
        "label": _("Revoke"),
        "cancel_url": reverse("console:management_keys"),
    }
    return console.render(request, "console/ask.html", context)


def _page(request: HttpRequest, form: KeyForm) -> HttpResponse:
    visit = visits.of(request)
    keys = ManagementKey.objects.select_related("created_by").order_by("revoked_at", "-id")
    context = {
        "title": _("Management keys"),
        "columns": [_("Key"), _("May"), _("Last used"), _("Made by")],
        "keys": [_shown(key) for key in keys],
        "form": form,
        "may_add": visit.may("add", "management_keys"),
        "may_change": visit.may("change", "management_keys"),
        "docs": reverse("management_docs"),
        "now": timezone.now(),
    }
    return console.render(request, "tenants/management_keys.html", context)


def _shown(key: ManagementKey) -> dict[str, Any]:
    state = _("revoked") if key.revoked_at else "" if key.is_usable else _("expired")
    maker: Any = key.created_by
    return {
        "row": key,
        "role": Role(key.role).label,
        "only": ", ".join(str(SUBJECTS.get(name, name)) for name in key.subjects),
        "state": state,
        "maker": (maker.get_full_name() or maker.email or maker.get_username()) if maker is not None else "–",
    }
