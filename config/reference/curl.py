"""An operation as a command for a shell: with what it cannot do without, and placeholders for what is the caller's."""

from __future__ import annotations

import json
import re
from typing import Any

from config.reference.fields import Schemas

ORIGIN = "https://tollgate.invalid"  # in place of the address that the reader has opened (`config.reference.pages`)
KEY = "$TOLLGATE_KEY"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
DEEPEST = 4
EXAMPLES = {
    "uuid": "00000000-0000-0000-0000-000000000000",
    "date": "2026-11-01",
    "date-time": "2026-11-01T00:00:00Z",
    "time": "08:00",
    "email": "nina@acme.example",
    "uri": "https://acme.example",
    "decimal": "50",
}


def command(schemas: Schemas, method: str, path: str, content: dict[str, Any] | None) -> str:
    """`content` is the body's media type object; None without a body."""
    verb = "" if method in ("get",) or (method == "post" and content) else f"-X {method.upper()} "
    lines = [f'curl {verb}"{ORIGIN}{address(path)}"', f'-H "authorization: Bearer {KEY}"']
    if content is not None:
        body = json.dumps(example(schemas, content, is_change=method == "patch"), ensure_ascii=False)
        lines += ['-H "content-type: application/json"', "-d '{}'".format(body.replace("'", r"'\''"))]
    return " \\\n  ".join(lines)


def address(path: str) -> str:
    """With variables of the shell: `/keys/$ID`."""
    return PLACEHOLDER.sub(lambda found: f"${found.group(1).upper()}", path)


def example(schemas: Schemas, content: dict[str, Any], *, is_change: bool) -> Any:
    """What could be sent: the document's own example, or else what is required; of a change the first field."""
    for given in content.get("examples", {}).values():
        if "value" in given:
            return given["value"]
    schema = schemas.resolved(content.get("schema", {}))
    writable = {
        name: part for name, part in schema.get("properties", {}).items() if not schemas.resolved(part).get("readOnly")
    }
    names = [name for name in schema.get("required", ()) if name in writable]
    if not names and (is_change or schema.get("minProperties")):
        names = list(writable)[:1]
    return {name: _value(schemas, name, writable[name], 0) for name in names}


def _value(schemas: Schemas, name: str, schema: Any, depth: int) -> Any:
    found = schemas.resolved(schema)
    if "enum" in found:
        return next(value for value in found["enum"] if value not in ("", None))
    if "oneOf" in found:
        return _value(schemas, name, found["oneOf"][0], depth)
    if found.get("type") == "array":
        return [_value(schemas, name, found.get("items", {}), depth + 1)] if depth < DEEPEST else []
    if found.get("type") == "object":
        inner = found.get("properties", {})
        names = [item for item in found.get("required", inner) if item in inner]
        return {item: _value(schemas, item, inner[item], depth + 1) for item in names} if depth < DEEPEST else {}
    if found.get("type") in ("integer", "number"):
        return found.get("default", max(1, found.get("minimum", 1)))
    if found.get("type") == "boolean":
        return True
    return EXAMPLES.get(found.get("format", ""), f"<{name.replace('_', ' ')}>")
