"""Rows that Tollgate itself writes: on the admin's pages they are to look at, and nobody adds, edits or deletes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from tenants.admin import scope

if TYPE_CHECKING:
    from tenants.admin.base import HouseAdmin as _Admin
else:
    _Admin = object


class LookedAt(_Admin):
    """A mixin."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never by itself. With its tenant it goes."""
        page = request.resolver_match.url_name if request.resolver_match else ""
        return page in ("tenants_tenant_delete", "tenants_tenant_changelist") and scope.is_operator(request)


class Unchanging(LookedAt):
    """A mixin. Nor does Tollgate change such a row, so its page is all there is, and has no history."""

    page_title: Any

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = self.change_view(request, object_id, extra_context=extra_context)
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"show_history": False, "title": self.page_title, **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response
