"""An OpenAPI document, read for people: operations in groups, with what one sends and what is told, in words. Pure; draws nothing.

The texts are the document's, in its language.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from config.reference import curl
from config.reference.fields import Field, Schemas, name_of

METHODS = ("get", "post", "patch", "put", "delete")
JSON = "application/json"
RIGHT, SCOPE = "x-tollgate-right", "x-tollgate-scope"
WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Answer:
    """`shape` is the anchor of what is told, and `title` its name, where that is described once for several operations; else `fields` has
    it."""

    status: str
    text: str
    kind: str = ""
    shape: str = ""
    title: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Right:
    """What a caller needs: a role that may do `action` on `subject`."""

    action: str
    subject: str
    roles: tuple[str, ...]
    only_own: tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    text: str
    right: Right | None
    scope: str
    parameters: tuple[tuple[str, tuple[Field, ...]], ...]
    body: tuple[Field, ...]
    body_kind: str
    answers: tuple[Answer, ...]
    failures: tuple[Answer, ...]
    command: str


@dataclass(frozen=True)
class Shape:
    """What several operations tell."""

    anchor: str
    title: str
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Group:
    anchor: str
    title: str
    text: str
    operations: tuple[Operation, ...]
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Reference:
    """`failures` are those that go without saying: every operation that has the status describes it so."""

    title: str
    text: str
    groups: tuple[Group, ...]
    failures: tuple[Answer, ...]


def read(document: dict[str, Any]) -> Reference:
    schemas = Schemas(document.get("components", {}).get("schemas", {}))
    found = list(_operations(document))
    usual = _usual_failures(found)
    shared = _shared(schemas, found)
    placed: set[str] = set()
    groups = []
    used = dict.fromkeys(_tag(raw) for _path, _method, raw in found)
    first = [item["name"] for item in document.get("tags", ()) if item["name"] in used]
    for tag in dict.fromkeys([*first, *used]):
        own = [(path, method, raw) for path, method, raw in found if _tag(raw) == tag]
        groups.append(_group(schemas, tag, own, shared, usual, placed))
    info = document["info"]
    return Reference(info["title"], info.get("description", ""), tuple(groups), usual)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _tag(operation: dict[str, Any]) -> str:
    return str((operation.get("tags") or ["Others"])[0])


def _group(
    schemas: Schemas,
    tag: str,
    own: list[tuple[str, str, dict[str, Any]]],
    shared: dict[str, str],
    usual: tuple[Answer, ...],
    placed: set[str],
) -> Group:
    """`placed` are the shapes that a group before has described."""
    texts = Counter(raw.get("description", "") for _path, _method, raw in own)
    text = next((text for text, times in texts.items() if text and times > 1 and 2 * times > len(own)), "")
    operations = tuple(_operation(schemas, path, method, raw, shared, usual, said=text) for path, method, raw in own)
    used = dict.fromkeys(name for _path, _method, raw in own for name in _told(schemas, raw) if name in shared)
    shapes = []
    for name in used:
        if name not in placed:
            placed.add(name)
            schema = schemas.components[name]
            said = schema.get("description", "")
            shapes.append(
                Shape(shared[name], _words(name), "" if said == text else said, schemas.fields(schema, "told"))
            )
    return Group(f"group-{_slug(tag)}", tag, text, operations, tuple(shapes))


def _operation(
    schemas: Schemas,
    path: str,
    method: str,
    raw: dict[str, Any],
    shared: dict[str, str],
    usual: tuple[Answer, ...],
    *,
    said: str,
) -> Operation:
    content = raw.get("requestBody", {}).get("content", {}).get(JSON)
    schema = content.get("schema", {}) if content else {}
    text, right = raw.get("description", ""), raw.get(RIGHT)
    answers = [_answer(schemas, status, told, shared) for status, told in sorted(raw["responses"].items())]
    return Operation(
        id=raw["operationId"],
        method=method.upper(),
        path=path,
        summary=raw.get("summary") or raw["operationId"].replace("_", " ").capitalize(),
        text="" if text == said else text,
        right=Right(right["action"], right["subject"], tuple(right["roles"]), tuple(right["only_own"]))
        if right
        else None,
        scope=raw.get(SCOPE, ""),
        parameters=tuple(_parameters(schemas, raw.get("parameters", ()))),
        body=schemas.fields(schema, "sent"),
        body_kind=schemas.kind(schema) if content else "",
        answers=tuple(item for item in answers if item.status < "400"),
        failures=tuple(item for item in answers if item.status >= "400" and not _is_usual(item, usual)),
        command=curl.command(schemas, method, path, content),
    )


def _parameters(schemas: Schemas, parameters: Iterable[dict[str, Any]]) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """Where they go, and which."""
    every = list(parameters)
    for place in ("path", "query", "header"):
        fields = tuple(
            schemas.field(
                item["name"],
                item.get("schema", {}),
                is_required=bool(item.get("required")),
                text=item.get("description", ""),
            )
            for item in every
            if item["in"] == place
        )
        if fields:
            yield place, fields


def _answer(schemas: Schemas, status: str, told: dict[str, Any], shared: dict[str, str]) -> Answer:
    answer = Answer(status, told.get("description", ""))
    content = told.get("content", {})
    if status >= "400" or not content:
        return answer
    schema = content.get(JSON, next(iter(content.values()))).get("schema", {})
    name = _name(schemas, schema)
    if name in shared:
        kind = "page" if _page(schemas, schema) is not None else "list" if schema.get("type") == "array" else "one"
        return replace(answer, kind=kind, shape=shared[name], title=_words(name))
    return replace(answer, kind=schemas.kind(schema), fields=schemas.fields(schema, "told"))


def _page(schemas: Schemas, schema: Any) -> Any:
    """What is on it, if the schema is that of a list's page."""
    inner = schemas.components.get(name_of(schema), {}).get("properties", {}) if "$ref" in schema else {}
    return inner["results"].get("items") if {"results", "next"} <= set(inner) else None


def _name(schemas: Schemas, schema: Any) -> str:
    """Of the named schema that an answer is, is a list of, or a page of; empty if there is none."""
    inner = _page(schemas, schema) or (schema.get("items", {}) if schema.get("type") == "array" else schema)
    return name_of(inner) if "$ref" in inner else ""


def _told(schemas: Schemas, operation: dict[str, Any]) -> Iterator[str]:
    for status, told in operation["responses"].items():
        for content in told.get("content", {}).values() if status < "400" else ():
            if name := _name(schemas, content.get("schema", {})):
                yield name


def _shared(schemas: Schemas, found: list[tuple[str, str, dict[str, Any]]]) -> dict[str, str]:
    """The anchors of what more than one operation tells, by the schema's name."""
    times = Counter(name for _path, _method, raw in found for name in set(_told(schemas, raw)))
    return {name: f"shape-{_slug(_words(name))}" for name, count in times.items() if count > 1}


def _usual_failures(found: list[tuple[str, str, dict[str, Any]]]) -> tuple[Answer, ...]:
    """The statuses that all operations which have them describe in the same words, and that most have."""
    texts: dict[str, Counter[str]] = {}
    for _path, _method, raw in found:
        for status, told in raw["responses"].items():
            if status >= "400":
                texts.setdefault(status, Counter())[told.get("description", "")] += 1
    return tuple(
        Answer(status, next(iter(said)))
        for status, said in sorted(texts.items())
        if len(said) == 1 and 2 * sum(said.values()) > len(found)
    )


def _is_usual(answer: Answer, usual: tuple[Answer, ...]) -> bool:
    return any((answer.status, answer.text) == (item.status, item.text) for item in usual)


def _words(name: str) -> str:
    """`ProviderRow` as “Provider”, `KeyMade` as “Key made”."""
    return WORDS.sub(" ", name.removesuffix("Row")).capitalize()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
