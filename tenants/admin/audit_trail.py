"""The whole audit trail, to look at only."""

from __future__ import annotations

from typing import Any

import auditlog.admin  # noqa: F401 - registers what is taken away below
from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.admin import display
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateTimeFilter

from tenants import audit, sites, visits
from tenants.admin import changes, scope
from tenants.admin.badges import badge
from tenants.admin.base import HouseAdmin

admin.site.unregister(LogEntry)

FIELDS_SHOWN = 4


class KindFilter(DropdownFilter):
    """Entries about one kind of row."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[int, str]]:
        from auditlog.registry import auditlog

        kinds = ContentType.objects.get_for_models(*auditlog.get_models())
        return sorted(((kind.pk, str(model._meta.verbose_name)) for model, kind in kinds.items()), key=lambda it: it[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(content_type_id=self.value()) if self.value() else queryset


@sites.register(LogEntry)
class AuditTrailAdmin(HouseAdmin):
    list_display = ["timestamp", "who", "did", "kind", "row", "changed", "remote_addr"]
    list_display_links = ["timestamp"]
    list_select_related = ["actor", "content_type"]
    list_filter = [("action", ChoicesDropdownFilter), KindFilter, ("timestamp", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["object_repr", "actor__username", "actor_email"]
    search_help_text = _("Row or person")
    date_hierarchy = "timestamp"
    ordering = ["-timestamp", "-id"]
    fields = ["timestamp", "who", "remote_addr", "did", "kind", "row", "changes_table"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        entries: QuerySet[LogEntry] = super().get_queryset(request)
        if scope.is_operator(request):
            return entries.exclude(
                additional_data__has_key="is_copy"
            )  # entered once for each of a person's tenants, too
        return audit.of_tenant(entries, visits.of(request).tenant)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        visit = visits.found(request)
        return scope.is_operator(request) if visit is None else visit.may("view", "audit")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("Person"), ordering="actor__username")
    def who(self, entry: LogEntry) -> Any:
        return changes.who(entry)

    @display(description=_("Action"), ordering="action")
    def did(self, entry: LogEntry) -> str:
        return badge(changes.did(entry), changes.kind_of(entry))

    @display(description=_("Kind"), ordering="content_type")
    def kind(self, entry: LogEntry) -> str:
        return changes.described(entry).what

    @display(description=_("Row"), ordering="object_repr")
    def row(self, entry: LogEntry) -> str:
        url = changes.row_url(entry)
        return (
            format_html('<a class="text-link" href="{}">{}</a>', url, entry.object_repr) if url else entry.object_repr
        )

    @display(description=_("Changed"))
    def changed(self, entry: LogEntry) -> str:
        if changes.event_of(entry):
            return str(entry.additional_data.get("detail", ""))
        if entry.action != LogEntry.Action.UPDATE:
            return ""
        names = [change.field for change in changes.fields(entry)]
        return ", ".join(names[:FIELDS_SHOWN]) + (" …" if len(names) > FIELDS_SHOWN else "")

    @display(description=_("Changes"))
    def changes_table(self, entry: LogEntry) -> str:
        return render_to_string("admin/includes/changes_table.html", {"change": changes.described(entry)})

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """An entry has no history: its page is shown."""
        return self.change_view(request, object_id, extra_context=extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        return super().change_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})
