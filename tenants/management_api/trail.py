"""The audit trail, to read: who did what to which row, from where, and from what to what."""

from __future__ import annotations

from typing import Any

from auditlog.models import LogEntry
from rest_framework import serializers

from tenants import audit
from tenants.management_api.fields import Filters
from tenants.management_api.views import Reads

ACTIONS = {"create": LogEntry.Action.CREATE, "update": LogEntry.Action.UPDATE, "delete": LogEntry.Action.DELETE}
EVENT = "event"  # what happens to accounts


class EntryRow(serializers.ModelSerializer[LogEntry]):
    at = serializers.DateTimeField(source="timestamp")
    actor = serializers.CharField(source="actor_email", allow_null=True, help_text="Null: Tollgate itself.")
    by_key = serializers.SerializerMethodField(help_text="The management key that did it, empty if none did.")
    action = serializers.SerializerMethodField(help_text="create, update, delete, or what happened to an account.")
    kind = serializers.CharField(source="content_type.model")
    row = serializers.CharField(source="object_repr")
    row_id = serializers.CharField(source="object_pk")
    changes = serializers.SerializerMethodField(help_text="From what to what, by field. Secrets are masked.")

    class Meta:
        model = LogEntry
        fields = ["id", "at", "actor", "by_key", "remote_addr", "action", "kind", "row", "row_id", "changes"]

    def get_by_key(self, entry: LogEntry) -> str:
        return str((entry.additional_data or {}).get(audit.BY_KEY, ""))

    def get_action(self, entry: LogEntry) -> str:
        names = {value: name for name, value in ACTIONS.items()}
        return names.get(entry.action) or str((entry.additional_data or {}).get(EVENT, EVENT))

    def get_changes(self, entry: LogEntry) -> dict[str, Any]:
        return entry.changes_dict or {}


class EntryFilters(Filters):
    actor = serializers.CharField(source="actor_email__iexact", required=False)
    kind = serializers.CharField(source="content_type__model", required=False)
    row_id = serializers.CharField(source="object_pk", required=False)
    action = serializers.ChoiceField(list(ACTIONS), required=False)
    since = serializers.DateTimeField(source="timestamp__gte", required=False)
    until = serializers.DateTimeField(source="timestamp__lt", required=False)


class Trail(Reads):
    subject = "audit"
    model = LogEntry
    serializer_class = EntryRow
    filters = EntryFilters
    lookup_value_converter = "int"

    def rows(self) -> Any:
        return audit.of_tenant(LogEntry.objects.all(), self.visit.tenant).select_related("content_type")

    def filtered(self, rows: Any, told: dict[str, Any]) -> Any:
        if "action" in told:
            told["action"] = ACTIONS[told["action"]]
        return super().filtered(rows, told)
