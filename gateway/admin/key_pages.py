"""What is done with an API key besides editing it: shown once, rotated, a former secret ended, revoked.

A secret is in the answer to the POST that made it and nowhere else: no session, message, log or audit entry has it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from gateway.admin import starters
from gateway.admin.key_forms import RotateForm
from tenants import api_keys
from tenants.admin import times
from tenants.admin.base import TenantScopedAdmin
from tenants.api_keys import RevealedKey
from tenants.models import ApiKey, ApiKeySecret

FOLDER = "admin/tenants/apikey"


class KeyPages(TenantScopedAdmin):
    """What the keys' admin has of them."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/rotate/", wrap(self.rotate_view), name="tenants_apikey_rotate"),
            path(
                "<path:object_id>/secrets/<uuid:secret_id>/end/", wrap(self.end_view), name="tenants_apikey_end_secret"
            ),
            path("<path:object_id>/revoke/", wrap(self.revoke_view), name="tenants_apikey_revoke"),
            *super().get_urls(),
        ]

    def _key(self, request: HttpRequest, object_id: str) -> ApiKey:
        key: ApiKey = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        return key

    def reveal(self, request: HttpRequest, revealed: RevealedKey, *, is_rotated: bool = False) -> HttpResponse:
        """The secret, this once; never to be cached, and a reload shows the key's page instead."""
        key = revealed.api_key
        former = key.secrets.exclude(ends_at=None).first() if is_rotated else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("API key rotated") if is_rotated else _("API key made"),
            "revealed": revealed,
            "former": former,
            "former_end": times.ago(former.ends_at) if former is not None and former.is_accepted() else "",
            "snippets": starters.snippets(request, key, secret=revealed.secret),
            "page_url": reverse("admin:tenants_apikey_change", args=[key.pk]),
            "list_url": reverse("admin:tenants_apikey_changelist"),
            **starters.waiting(request, key),
        }
        response = TemplateResponse(request, f"{FOLDER}/revealed.html", context, status=201)
        response["Cache-Control"] = "no-store"
        return response

    @method_decorator(never_cache)
    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks how long the present secret goes on; POST makes a new one and shows it."""
        key = self._key(request, object_id)
        form = RotateForm(request.POST or None, initial={"seen": key.prefix})
        if request.method == "POST" and form.is_valid():
            try:
                revealed = api_keys.rotate(
                    key, overlap=form.overlap_chosen(), rotated_by=request.user, seen=form.cleaned_data["seen"]
                )
                return self.reveal(request, revealed, is_rotated=True)
            except ValidationError as error:
                form.add_error("overlap", error)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Rotate “%(name)s”") % {"name": key.name},
            "original": key,
            "form": form,
            "cancel_url": reverse("admin:tenants_apikey_change", args=[key.pk]),
        }
        return TemplateResponse(request, f"{FOLDER}/rotate.html", context)

    def end_view(self, request: HttpRequest, object_id: str, secret_id: UUID) -> HttpResponse:
        """GET asks, POST ends a former secret now."""
        key = self._key(request, object_id)
        secret = get_object_or_404(ApiKeySecret, pk=secret_id, api_key=key)
        page_url = reverse("admin:tenants_apikey_change", args=[key.pk])
        if request.method == "POST":
            try:
                api_keys.end_secret(secret)
            except ValidationError as error:
                self.message_user(request, error.messages[0], messages.ERROR)
            else:
                self.message_user(request, _("Ended: %(secret)s") % {"secret": secret}, messages.SUCCESS)
            return HttpResponseRedirect(page_url)
        question = _(
            "End the former secret %(secret)s now? Applications that still send it are refused from the next request on."
        )
        context = {
            **self.admin_site.each_context(request),
            "title": str(key),
            "question": question % {"secret": secret},
            "label": _("End it now"),
            "cancel_url": page_url,
        }
        return TemplateResponse(request, "console/ask.html", context)

    @admin.action(description=gettext_lazy("Revoke the selected keys"), permissions=["change"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = [key for key in queryset if self.has_change_permission(request, key)]
        if request.POST.get("confirmed"):
            self._revoke(request, keys)
            return None
        return self._ask(request, keys, cancel_url=reverse("admin:tenants_apikey_changelist"))

    def revoke_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks for the key's name, POST revokes if that is right."""
        key = self._key(request, object_id)
        page_url = reverse("admin:tenants_apikey_change", args=[key.pk])
        if request.method != "POST":
            return self._ask(request, [key], cancel_url=page_url)
        if request.POST.get("name", "").strip() != key.name.strip():
            return self._ask(request, [key], cancel_url=page_url, is_wrong=True)
        self._revoke(request, [key])
        return HttpResponseRedirect(page_url)

    def _ask(
        self, request: HttpRequest, keys: list[ApiKey], *, cancel_url: str, is_wrong: bool = False
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke %(count)d keys?") % {"count": len(keys)} if len(keys) != 1 else _("Revoke this key?"),
            "lines": [{"key": key, "used": times.ago(key.last_used_at, _("never"))} for key in keys],
            "from_list": "action" in request.POST,
            "only": keys[0] if len(keys) == 1 and "action" not in request.POST else None,
            "is_wrong": is_wrong,
            "cancel_url": cancel_url,
        }
        return TemplateResponse(request, f"{FOLDER}/revoke.html", context)

    def _revoke(self, request: HttpRequest, keys: list[ApiKey]) -> None:
        with transaction.atomic():
            for key in keys:
                api_keys.revoke(key)
        names = ", ".join(str(key) for key in keys)
        self.message_user(request, _("Revoked: %(names)s") % {"names": names or "—"}, messages.SUCCESS)

    def secrets_of(self, key: ApiKey) -> list[dict[str, Any]]:
        """The key's secrets as its page shows them: those that are accepted, and those that ended lately."""
        now = timezone.now()
        return [
            {
                "row": secret,
                "is_former": secret.ends_at is not None,
                "is_accepted": secret.is_accepted(now),
                "end": times.ago(secret.ends_at),
                "used": times.ago(secret.last_used_at, _("never")),
                "made": times.ago(secret.created_at),
                "end_url": reverse("admin:tenants_apikey_end_secret", args=[key.pk, secret.pk]),
            }
            for secret in key.secrets.all()[:10]
        ]
