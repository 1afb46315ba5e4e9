"""What the OpenAPI document says of every operation besides its bodies: filters, idempotency, errors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from tenants.management_api import idempotency

ERRORS = {
    "400": "Something is wrong with the body or the query; `fields` says where.",
    "401": "No valid management key.",
    "403": "The key's role, or what it is limited to, does not allow it.",
    "404": "There is no such thing in this tenant.",
    "429": "Too many calls in a minute; `Retry-After` says for how many seconds to wait.",
}
WRITING = {
    "409": "It does not go with how things stand.",
    "422": "The Idempotency-Key came with another request before.",
}


class ErrorDetail(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    fields_ = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")
        return fields


class Error(serializers.Serializer[Any]):
    error = ErrorDetail()


class ManagementSchema(AutoSchema):
    def get_operation_id(self) -> str:
        """Such as `list_budgets` and `rotate_keys`."""
        noun = getattr(self.view, "basename", "") or self._tokenize_path()[-1]
        action = getattr(self.view, "action", "") or self.method.lower()
        if action not in ("list", "retrieve", "create", "partial_update", "destroy") and self.method == "GET":
            action = f"list_{action}"
        return f"{action}_{noun}".replace("-", "_")

    def get_tags(self) -> list[str]:
        return [str(getattr(self.view, "basename", "")).replace("-", " ").capitalize() or "Management"]

    def get_override_parameters(self) -> list[Any]:
        found: list[Any] = []
        filters = getattr(self.view, "filters", None)
        if filters is not None and getattr(self.view, "action", "") == "list":
            found.append(filters)
        if self.method == "POST":
            text = (
                "Sent again with the same key, the request is not done again: its first result is returned, for a day."
            )
            found.append(OpenApiParameter(idempotency.HEADER, str, "header", description=text))
        return found

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        errors = {**ERRORS, **(WRITING if self.method != "GET" else {})}
        for status, text in errors.items():
            response = OpenApiResponse(Error, description=text)
            bodies.setdefault(status, self._get_response_for_code(response, status, direction=direction))  # type: ignore[no-untyped-call]
        return bodies
