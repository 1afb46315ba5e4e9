"""What every page of the admin shares: tenants kept apart, the audit trail as history, and refusals that say what to do.

Rules of one model are in its own module; which person belongs where is `tenants.admin.scope`'s.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django import forms
from django.contrib.admin import display
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import conditional_escape
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from tenants import audit
from tenants.admin import changes, scope
from tenants.admin.scope import Role

HISTORY_PER_PAGE = 25


class WholeRowForm(forms.ModelForm):
    """A form that also checks constraints over the tenant, which is fixed once a row exists and so is no field of the form."""

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        if not self.instance._state.adding:
            excluded.discard("tenant")
        return excluded


class ScopedChoices:
    """Offers, in every choice of a related row, only the rows that the person may see; and help texts as texts, not as HTML."""

    admin_site: Any

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if field is not None and "<" in str(field.help_text):
            field.help_text = conditional_escape(str(field.help_text))
        return field

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        related = self.admin_site._registry.get(db_field.remote_field.model)
        if related is not None and "queryset" not in kwargs:
            rows = related.get_queryset(request)
            if db_field.name == "tenant" and not scope.is_operator(request):
                rows = rows.filter(pk__in=scope.tenant_ids(request, getattr(self, "editing_roles", scope.EDITORS)))
                kwargs.setdefault("required", True)  # nobody but an operator makes a row for every tenant
            kwargs["queryset"] = rows
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class HouseAdmin(ScopedChoices, ModelAdmin):
    """The base of all: operators only, unless a subclass opens it to members."""

    form = WholeRowForm
    list_per_page = 50
    list_fullwidth = True
    warn_unsaved_form = True
    show_facets = False
    formfield_overrides = {models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}}
    deletion_hint: Any = _("Delete those first, or switch this one off instead.")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope.is_operator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return scope.is_operator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope.is_operator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope.is_operator(request)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404(_("There is no such %(name)s.") % {"name": opts.verbose_name})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The row's part of the audit trail."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        page = Paginator(audit.history_of(row), HISTORY_PER_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("History of %(row)s") % {"row": row},
            "page": page,
            "entries": [changes.described(entry) for entry in page],
            "object": row,
            "original": row,
            "opts": self.opts,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/audit_history.html", context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().delete_view(
            request, object_id, {"deletion_hint": self.deletion_hint, **(extra_context or {})}
        )
        return response

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        response: HttpResponse | None = super().response_action(request, queryset)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data.setdefault("deletion_hint", self.deletion_hint)
        return response

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one and together or not at all, so that each row's own `delete` puts the edit in force."""
        with transaction.atomic():
            for row in queryset:
                row.delete()


class TenantScopedAdmin(HouseAdmin):
    """Rows of a tenant: its members see them, and those with an editing role change them."""

    tenant_path = "tenant"
    fixed_tenant_field = "tenant"  # what stands in its place on a row's page; "owner" where there may be none
    is_shared = False  # rows without a tenant are the operator's, which members may look at
    editing_roles: frozenset[Role] = scope.EDITORS
    members_may = frozenset({"view", "add", "change", "delete"})

    def tenant_id_of(self, row: models.Model) -> Any:
        return getattr(row, self.tenant_path if self.tenant_path == "pk" else f"{self.tenant_path}_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if scope.is_operator(request):
            return rows
        allowed = Q(**{f"{self.tenant_path}__in": scope.tenant_ids(request)})
        if self.is_shared and scope.tenant_ids(request):
            allowed |= Q(**{f"{self.tenant_path}__isnull": True})
        return rows.filter(allowed)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if scope.is_operator(request):
            return True
        if "view" not in self.members_may or not scope.tenant_ids(request):
            return False
        if not isinstance(obj, models.Model):
            return True
        tenant_id = self.tenant_id_of(obj)
        return tenant_id in scope.tenant_ids(request) or (self.is_shared and tenant_id is None)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return scope.is_operator(request) or self._member_may(request, "add", None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope.is_operator(request) or self._member_may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return scope.is_operator(request) or self._member_may(request, "delete", obj)

    def _member_may(self, request: HttpRequest, what: str, row: Any) -> bool:
        editable = scope.tenant_ids(request, self.editing_roles) if what in self.members_may else frozenset()
        if not isinstance(row, models.Model):
            return bool(editable)
        return self.tenant_id_of(row) in editable

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The tenant is chosen once: what refers to a row relies on it."""
        fixed = list(super().get_readonly_fields(request, obj))
        is_fixed = obj is not None and self.tenant_path == "tenant" and self.fixed_tenant_field not in fixed
        return [*fixed, self.fixed_tenant_field] if is_fixed else fixed

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is None or self.fixed_tenant_field == "tenant":
            return fieldsets
        place = {"tenant": self.fixed_tenant_field}
        return [
            (name, {**options, "fields": [place.get(field, field) for field in options["fields"]]})
            for name, options in fieldsets
        ]

    @display(description=_("Owner"), ordering="tenant__name")
    def owner(self, row: Any) -> Any:
        return row.tenant or _("Operator")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        editable = scope.tenant_ids(request, self.editing_roles)
        if not scope.is_operator(request) and len(editable) == 1:
            initial.setdefault("tenant", next(iter(editable)))
        return initial

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        if not scope.is_operator(request):
            changes.list_editable = ()  # the list asks no permission for each row
        return changes


class Part(ScopedChoices):
    """Rows that are part of the row they are edited with: whoever may change that one may change them."""

    parent_model: Any
    extra = 0
    hide_title = True

    def _parent_admin(self) -> Any:
        return self.admin_site._registry[self.parent_model]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self._parent_admin().has_view_permission(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        parent = self._parent_admin()
        return bool(parent.has_add_permission(request) if obj is None else parent.has_change_permission(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)


class PartInline(Part, TabularInline):
    """A line for each."""


class PartStack(Part, StackedInline):
    """A form for each."""
