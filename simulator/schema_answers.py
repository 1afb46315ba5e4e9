"""Makes the JSON value that a schema asks for: the arguments of a tool call, or a structured answer.

Deterministic. It honours types, const, enum, default, required and optional properties, nesting, arrays, numeric and length bounds,
common string formats, anyOf/oneOf/allOf and local `$ref`s, recursive ones included. It does not honour `pattern`, `not`, `if` and
`dependentSchemas`.
"""

from __future__ import annotations

import math
from typing import Any

from simulator.errors import ProviderError

OPTIONAL_DEPTH = 4
"""Below this depth only what is required is filled in, which is what ends a recursive schema."""
MAXIMUM_DEPTH = 16
"""A schema that requires itself without end is cut off here."""
FORMATS = {
    "date-time": "2025-01-31T12:00:00Z",
    "date": "2025-01-31",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = dict[str, Any]


def value_for(schema: Any, *, name: str = "value") -> Any:
    """A value that satisfies the schema; `name` flavours its strings. Raises ProviderError (400) for what is no schema."""
    try:
        return _value(schema, schema, name, 0, 0)
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise ProviderError(400, f"Invalid JSON schema: {error}") from error


def _value(schema: Any, root: Any, name: str, depth: int, position: int) -> Any:
    """`position` is the place within an array: it makes items differ from each other where they can."""
    if not isinstance(schema, dict) or depth > MAXIMUM_DEPTH:
        return None if depth > MAXIMUM_DEPTH else {}
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][position % len(schema["enum"])]
    if "default" in schema and position == 0:
        return schema["default"]
    for union in ("anyOf", "oneOf"):
        if schema.get(union):
            rest = {key: value for key, value in schema.items() if key != union}
            return _value(_merged(rest, _branch(schema[union], root, depth), root), root, name, depth + 1, position)
    kind = _kind(schema, depth)
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        return _array(schema, root, name, depth)
    if kind == "string":
        return _string(schema, name, position)
    if kind in ("integer", "number"):
        return _number(schema, kind, position)
    return {"boolean": position % 2 == 0}.get(kind)


def _kind(schema: Schema, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return (
            "null"
            if "null" in kind and depth > OPTIONAL_DEPTH
            else next((one for one in kind if one != "null"), "null")
        )
    if isinstance(kind, str):
        return kind
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if any(key in schema for key in ("minLength", "maxLength", "format", "pattern")):
        return "string"
    if any(key in schema for key in ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")):
        return "number"
    return "object"


def _resolved(schema: Schema, root: Any) -> Schema:
    """The schema without `$ref` and `allOf` at its top."""
    for _ in range(MAXIMUM_DEPTH):
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**_referred(str(schema["$ref"]), root), **rest}
        elif schema.get("allOf"):
            rest = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                rest = _merged(rest, part, root)
            schema = rest
        else:
            break
    return schema


def _referred(reference: str, root: Any) -> Schema:
    target = root
    for step in reference.removeprefix("#").split("/")[1:]:
        target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
    return target if isinstance(target, dict) else {}


def _merged(left: Schema, right: Any, root: Any) -> Schema:
    """Both schemas at once: properties and required names add up, of anything else the right one wins."""
    right = _resolved(right, root) if isinstance(right, dict) else {}
    merged = {**left, **right}
    if "properties" in left and "properties" in right:
        merged["properties"] = {**left["properties"], **right["properties"]}
    if "required" in left and "required" in right:
        merged["required"] = list(dict.fromkeys([*left["required"], *right["required"]]))
    return merged


def _branch(branches: list[Any], root: Any, depth: int) -> Any:
    """The first branch that is not null; deep down, the null one where there is one."""
    nulls = [one for one in branches if isinstance(one, dict) and _resolved(one, root).get("type") == "null"]
    if nulls and depth > OPTIONAL_DEPTH:
        return nulls[0]
    return next((one for one in branches if one not in nulls), branches[0])


def _object(schema: Schema, root: Any, depth: int) -> dict[str, Any]:
    required = schema.get("required") or []
    properties = schema.get("properties") or {}
    wanted = [key for key in properties if key in required or depth < OPTIONAL_DEPTH]
    wanted += [key for key in required if key not in properties]
    result = {key: _value(properties.get(key, {"type": "string"}), root, key, depth + 1, 0) for key in wanted}
    extra = schema.get("additionalProperties")
    while len(result) < int(schema.get("minProperties", 0)):
        key = f"key_{len(result) + 1}"
        result[key] = _value(extra if isinstance(extra, dict) else {"type": "string"}, root, key, depth + 1, 0)
    return result


def _array(schema: Schema, root: Any, name: str, depth: int) -> list[Any]:
    leading = schema.get("prefixItems") or []
    items = schema.get("items", {"type": "string"})
    fewest = int(schema.get("minItems", 0))
    wanted = max(fewest, len(leading) or 1) if depth < OPTIONAL_DEPTH else fewest
    wanted = min(wanted, int(schema.get("maxItems", wanted)))
    return [_value(leading[at] if at < len(leading) else items, root, name, depth + 1, at) for at in range(wanted)]


def _string(schema: Schema, name: str, position: int) -> str:
    if (known := FORMATS.get(str(schema.get("format")))) is not None:
        return known
    text = f"example {name}" if position == 0 else f"example {name} {position + 1}"
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _number(schema: Schema, kind: str, position: int) -> int | float:
    """The lowest allowed number from 1 on (or the highest below), plus the position where there is room for it."""
    step = schema.get("multipleOf", 1 if kind == "integer" else 0)
    low = schema.get("minimum", -math.inf)
    high = schema.get("maximum", math.inf)
    nudge = step or 0.5
    for bound, is_low in (("exclusiveMinimum", True), ("exclusiveMaximum", False)):
        limit = schema.get(bound)
        if isinstance(limit, int | float) and not isinstance(limit, bool):
            low, high = (max(low, limit + nudge), high) if is_low else (low, min(high, limit - nudge))
    if schema.get("exclusiveMinimum") is not None and low > high:
        low = high = (schema["exclusiveMinimum"] + schema.get("exclusiveMaximum", schema.get("maximum", low))) / 2
    value = min(max(low, 1), high)
    if step:
        value = math.ceil(value / step) * step
        if value > high:
            value = math.floor(high / step) * step
    if value + position * nudge <= high:
        value += position * nudge
    return int(value) if kind == "integer" else value
