"""Schemas of an OpenAPI document as flat lists of fields: what is within another one is named by the way there, `targets[].model`, as the
API's errors name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Way = Literal["sent", "told"]

COLUMN = 2**31 - 1  # what a column holds at most is no limit that anybody has chosen
DEEPEST = 4  # levels of what is within something else
FORMATS = {
    "uuid": "UUID",
    "date": "date",
    "date-time": "time",
    "email": "e-mail address",
    "uri": "address",
    "decimal": "decimal, as a text",
    "time": "time of day",
}
KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
CHOICE = re.compile(r"^\* `(.*?)` - (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Choice:
    value: str
    label: str


@dataclass(frozen=True)
class Field:
    """`kind` is what it is, in words; `bounds` what it may be."""

    name: str
    kind: str
    text: str = ""
    bounds: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    is_required: bool = False


@dataclass(frozen=True)
class Schemas:
    """The document's named schemas."""

    components: dict[str, Any]

    def fields(self, schema: Any, way: Way) -> tuple[Field, ...]:
        """Of an object, or of the objects in a list; () of anything else."""
        return tuple(self._within(schema, way, "", 0))

    def kind(self, schema: Any) -> str:
        """What it is, in words."""
        found = self.resolved(schema)
        if found.get("type") == "array":
            return f"list of {self._many(self.kind(found.get('items', {})))}"
        options = [
            self.kind(item) for item in found.get("oneOf", ()) if self.resolved(item).get("enum") not in ([""], [None])
        ]
        if options:
            return " or ".join(dict.fromkeys(options))
        if "type" not in found:
            return "any value" if "enum" not in found else "text"
        return str(FORMATS.get(found.get("format", ""), KINDS.get(found["type"], found["type"])))

    def resolved(self, schema: Any) -> dict[str, Any]:
        """Without references: what is said at the place goes before what is said at its name."""
        found: dict[str, Any] = dict(schema)
        if "$ref" in found:
            return {**self.resolved(self.components[name_of(found)]), **{k: v for k, v in found.items() if k != "$ref"}}
        for part in found.pop("allOf", ()):
            found = {**self.resolved(part), **found}
        named = [item for item in found.get("oneOf", ()) if not self._is_blank(item)]
        if len(named) == 1:  # a choice that may be left empty
            del found["oneOf"]
            found = {**self.resolved(named[0]), **found}
        return found

    def items(self, schema: Any) -> dict[str, Any]:
        """Of a list the schema of what is in it; of anything else itself."""
        found = self.resolved(schema)
        return self.items(found.get("items", {})) if found.get("type") == "array" else found

    def field(self, name: str, schema: Any, *, is_required: bool = False, text: str = "") -> Field:
        found, inner = self.resolved(schema), self.items(schema)
        text = found.get("description") or text
        labels = dict(CHOICE.findall(text))
        values = [value for value in inner.get("enum", ()) if value not in ("", None)]
        return Field(
            name=name,
            kind=self.kind(schema),
            text=CHOICE.sub("", text).strip(),
            bounds=tuple(_bounds(found, inner)),
            choices=tuple(Choice(_written(value), _label(value, labels)) for value in values),
            is_required=is_required,
        )

    def _within(self, schema: Any, way: Way, before: str, depth: int) -> Iterator[Field]:
        inner = self.items(schema)
        required = set(inner.get("required", ()))
        for name, part in inner.get("properties", {}).items():
            whole = self.resolved(part)
            if whole.get("readOnly" if way == "sent" else "writeOnly"):
                continue
            path = f"{before}{name}"
            yield self.field(path, part, is_required=way == "sent" and name in required)
            if depth < DEEPEST:
                step = "[]." if whole.get("type") == "array" else "."
                for option in (part, *whole.get("oneOf", ())):
                    deeper = "[]." if self.resolved(option).get("type") == "array" else step
                    yield from self._within(option, way, f"{path}{deeper}", depth + 1)

    def _is_blank(self, schema: Any) -> bool:
        return "$ref" in schema and name_of(schema) in ("BlankEnum", "NullEnum")

    def _many(self, kind: str) -> str:
        return {"text": "texts", "object": "objects", "whole number": "whole numbers", "UUID": "UUIDs"}.get(kind, kind)


def name_of(schema: Any) -> str:
    """The name that a reference leads to."""
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def _label(value: Any, labels: dict[str, str]) -> str:
    label = labels.get(str(value), "")
    return "" if label.lower() == str(value).lower() else label


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bounds(found: dict[str, Any], inner: dict[str, Any]) -> Iterator[str]:
    low, high = inner.get("minimum"), inner.get("maximum")
    high = None if high is not None and high >= COLUMN else high
    if low is not None and high is not None:
        yield f"{low:,} to {high:,}"
    elif low is not None:
        yield f"at least {low:,}"
    elif high is not None:
        yield f"at most {high:,}"
    if inner.get("maxLength"):
        yield f"up to {inner['maxLength']:,} characters"
    if found.get("maxItems"):
        yield f"at most {found['maxItems']:,} of them"
    if found.get("default") not in (None, "", [], {}):
        yield f"if left out: {_written(found['default'])}"
    if found.get("nullable"):
        yield "or null"
