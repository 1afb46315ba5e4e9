"""What every page of the admin shares: tenants kept apart, the audit trail as history, and refusals that say what to do.

The same pages serve the operators' site and the consoles (`tenants.sites`). In a console the tenant is given, so lists and forms do not
name it, and what one may do is what one's role may do with the page's `subject` (`tenants.roles`). Rules of one model are in its own
module.
"""

from __future__ import annotations

from typing import Any

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

from tenants import audit, roles, sites, visits
from tenants.admin import changes, scope
from tenants.models import Tenant
from tenants.roles import Action

HISTORY_PER_PAGE = 25


class WholeRowForm(forms.ModelForm):
    """A form that also checks constraints over the tenant where it is no field of the form: once a row exists, and in a console."""

    console_tenant: Tenant | None = None  # whose the new row is going to be

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.console_tenant is not None and self.instance._state.adding:
            self.instance.tenant = self.console_tenant

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        if not self.instance._state.adding or self.console_tenant is not None:
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
            kwargs["queryset"] = related.get_queryset(request)
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
    empty_hint: Any = ""  # under “No … yet” where a list has no rows: what they are for
    in_console: dict[str, Any] = {}  # attributes that are others there, where not every model has a page

    class Media:
        js = (forms.Script("tollgate/names.js", type="module"),)

    def __init__(self, model: Any, admin_site: Any) -> None:
        super().__init__(model, admin_site)
        if admin_site is sites.console:
            for name, value in self.in_console.items():
                setattr(self, name, value)

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

    def log_addition(self, *args: Any) -> None:
        """Nothing: the audit trail is written wherever a row is saved."""

    log_change = log_addition

    def log_deletions(self, *args: Any) -> None:
        """Nothing, as above."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Raises `Http404` where there is no such row for the person, before anybody asks what they may do with it."""
        row = super().get_object(request, object_id, from_field)
        if row is None:
            raise Http404
        return row

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The row's part of the audit trail."""
        row = self.get_object(request, unquote(object_id))
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
    """Rows of a tenant. In its console the members see them, and change them as far as their role may."""

    subject = ""  # in `tenants.roles.RIGHTS`
    tenant_path = "tenant"
    fixed_tenant_field = "tenant"  # what stands in its place on a row's page; "owner" where there may be none
    is_shared = False  # rows without a tenant are the operator's, which members may look at

    def tenant_id_of(self, row: models.Model) -> Any:
        return getattr(row, self.tenant_path if self.tenant_path == "pk" else f"{self.tenant_path}_id")

    def maker_id_of(self, row: Any) -> Any:
        """Who made the row, for roles that change only their own."""
        return row.created_by_id

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if scope.is_operator(request):
            return rows
        allowed = Q(**{f"{self.tenant_path}__in": scope.tenant_ids(request)})
        if self.is_shared:
            allowed |= Q(**{f"{self.tenant_path}__isnull": True})
        return rows.filter(allowed)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "add", None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete", obj)

    def _may(self, request: HttpRequest, action: Action, row: Any) -> bool:
        visit = visits.found(request)
        if visit is None:
            return scope.is_operator(request)
        if not visit.may(action, self.subject):
            return False
        if not isinstance(row, models.Model):
            return True
        tenant_id = self.tenant_id_of(row)
        if action == "view":
            return tenant_id == visit.tenant.pk or (self.is_shared and tenant_id is None)
        if tenant_id != visit.tenant.pk:
            return False
        return not roles.only_own(visit.role, self.subject) or self.maker_id_of(row) == request.user.pk

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        visit = visits.found(request)
        if visit is not None and self.tenant_path == "tenant":
            form.console_tenant = visit.tenant
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The tenant is chosen once: what refers to a row relies on it."""
        fixed = list(super().get_readonly_fields(request, obj))
        is_fixed = obj is not None and self.tenant_path == "tenant" and self.fixed_tenant_field not in fixed
        return [*fixed, self.fixed_tenant_field] if is_fixed else fixed

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """On a row's page with whose it is; in a console only if it is not the tenant's."""
        fieldsets = list(super().get_fieldsets(request, obj))
        shown = self.fixed_tenant_field if obj is not None else "tenant"
        if visits.found(request) is not None and (obj is None or self.tenant_id_of(obj) is not None):
            shown = ""
        return [(name, {**options, "fields": _with_tenant_as(shown, options["fields"])}) for name, options in fieldsets]

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        return [name for name in columns if name != "tenant"] if visits.found(request) is not None else columns

    @display(description=_("Owner"), ordering="tenant__name")
    def owner(self, row: Any) -> Any:
        return row.tenant or _("Operator")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        if not scope.is_operator(request):
            changes.list_editable = ()  # the list asks no permission for each row
        return changes


def _with_tenant_as(shown: str, fields: Any) -> list[Any]:
    """The fields with `shown` in the tenant's place; without it if that is empty."""
    placed: list[Any] = []
    for field in fields:
        if isinstance(field, (list, tuple)):
            line = _with_tenant_as(shown, field)
            placed += [tuple(line)] if line else []
        elif field != "tenant":
            placed.append(field)
        elif shown:
            placed.append(shown)
    return placed


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
