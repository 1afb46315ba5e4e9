"""What the OpenAPI document says of every operation besides its bodies: in a few words what it does, the right it takes, filters,
idempotency, errors.
"""

from __future__ import annotations

import inspect
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from tenants.management_api import idempotency
from tenants.roles import RIGHTS, Role

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

# How things are called: many, and one of them; where an "s" at the end is not all.
NOUNS = {
    "audit-trail": ("the audit trail", "an entry"),
    "content": ("content", "what was said"),
    "feedback": ("votes", "a vote"),
    "semantic-checks": ("checks", "a check"),
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

    def get_summary(self) -> str | None:
        """Such as “Make a budget”; where there is no action, the operation's id says it."""
        action = str(getattr(self.view, "action", "") or "")
        if not action:
            return None
        noun = str(getattr(self.view, "basename", ""))
        many, one = NOUNS.get(noun, (noun.replace("-", " "), _one(noun.replace("-", " "))))
        if "{" not in self.path and action in ("retrieve", "partial_update", "destroy"):
            one = f"the {many}"  # of which a tenant has one
        said = {
            "list": f"List {many}",
            "retrieve": f"Read {one}",
            "create": f"Make {one}",
            "partial_update": f"Change {one}",
            "destroy": f"Delete {one}",
        }
        words = action.replace("_", " ")
        return said.get(action) or (f"List {words}" if self.method == "GET" else words.capitalize())

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular calls it
        """The action's own, or its view's; not what is said of all views of that make."""
        handler = getattr(self.view, str(getattr(self.view, "action", "") or self.method.lower()), None)
        said = (
            handler.__doc__
            if handler is not None and handler.__qualname__.startswith(f"{type(self.view).__name__}.")
            else None
        )
        return inspect.cleandoc(said or vars(type(self.view)).get("__doc__") or "")

    def get_extensions(self) -> dict[str, Any]:
        """Which roles may, and the subject that a key may be limited to."""
        view: Any = self.view
        action, rights = view.needed(self.method), RIGHTS[view.subject]
        told = [role.value for role in Role if role in rights.of(action)]
        own = [role.value for role in Role if role in rights.only_own and action in ("change", "delete")]
        return {"x-tollgate-right": {"subject": view.subject, "action": action, "roles": told, "only_own": own}}

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


def _one(many: str) -> str:
    """Of “budgets” a budget."""
    one = f"{many[:-3]}y" if many.endswith("ies") else many.removesuffix("s")
    return f"{'an' if one[0] in 'aeio' else 'a'} {one}"
