"""Renders the Helm chart, without Helm: the part of Go's templates that the chart keeps to. Anything else raises, so the chart stays
simple.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ACTION = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)
OPENING = ("if", "with", "range", "define")


@dataclass
class Block:
    """An action with what it is about, or with `word` "" a text or a pipeline."""

    word: str
    about: str
    inner: list[Block] = field(default_factory=list)
    otherwise: list[Block] | None = None


class Chart:
    """A chart in a folder, with values over its own."""

    def __init__(self, folder: Path, values: dict[str, Any] | None = None) -> None:
        chart = yaml.safe_load((folder / "Chart.yaml").read_text())
        merged = _merged(yaml.safe_load((folder / "values.yaml").read_text()), values or {})
        self._root = {
            "Values": merged,
            "Chart": {"AppVersion": str(chart["appVersion"]), "Name": chart["name"]},
            "Release": {"Name": "tg", "Namespace": "llm", "Service": "Helm"},
        }
        self._named: dict[str, list[Block]] = {}
        self._folder = folder

    def documents(self) -> list[dict[str, Any]]:
        """Every object that it makes."""
        templates = sorted((self._folder / "templates").iterdir(), key=lambda file: file.suffix != ".tpl")
        found: list[dict[str, Any]] = []
        for file in templates:
            text = self._rendered(_parsed(file.read_text()), self._root, {})
            if file.suffix == ".yaml":
                found += [document for document in yaml.safe_load_all(text) if document]
        return found

    def _rendered(self, blocks: list[Block], dot: Any, names: dict[str, Any]) -> str:
        return "".join(self._one(block, dot, names) for block in blocks)

    def _one(self, block: Block, dot: Any, names: dict[str, Any]) -> str:
        if block.word == "text":
            return block.about
        if block.word == "define":
            self._named[json.loads(block.about)] = block.inner
            return ""
        if block.word == "range":
            loop, _, source = block.about.partition(":=")
            variables = [name.strip() for name in loop.split(",")]
            found = self._value(source, dot, names)
            pairs = sorted(found.items()) if isinstance(found, dict) else list(enumerate(found))
            given = [dict(zip(variables[::-1], pair[::-1], strict=False)) for pair in pairs]
            return "".join(self._rendered(block.inner, dot, {**names, **more}) for more in given)
        if block.word in ("if", "with"):
            found = self._value(block.about, dot, names)
            if found:
                return self._rendered(block.inner, found if block.word == "with" else dot, names)
            return self._rendered(block.otherwise or [], dot, names)
        found = self._value(block.about, dot, names)
        if found is None:
            raise KeyError(f"{block.about} is nothing")
        return str(found).lower() if isinstance(found, bool) else str(found)

    def _value(self, pipeline: str, dot: Any, names: dict[str, Any]) -> Any:
        found: list[Any] = []
        for step in pipeline.split("|"):
            words = re.findall(r'"[^"]*"|\S+', step)
            if words[0] in self._functions:
                arguments = [self._argument(word, dot, names) for word in words[1:]]
                found = [self._functions[words[0]](self, *arguments, *found)]
            elif len(words) == 1 and not found:
                found = [self._argument(words[0], dot, names)]
            else:
                raise NotImplementedError(step)
        return found[0]

    def _argument(self, word: str, dot: Any, names: dict[str, Any]) -> Any:
        if word.startswith('"'):
            return json.loads(word)
        if word.isdecimal():
            return int(word)
        if word.startswith("$"):
            return names[word]
        if not word.startswith("."):
            raise NotImplementedError(word)
        found = dot
        for name in filter(None, word.split(".")):
            found = found[name]
        return found

    def _include(self, name: str, dot: Any) -> str:
        return self._rendered(self._named[name], dot, {})

    _functions: dict[str, Callable[..., Any]] = {
        "include": _include,
        "not": lambda self, value: not value,
        "add": lambda self, first, second: first + second,
        "quote": lambda self, value: json.dumps(str(value)),
        "nindent": lambda self, width, text: "\n" + "\n".join(f"{' ' * width}{line}" for line in text.split("\n")),
        "sha256sum": lambda self, text: hashlib.sha256(text.encode()).hexdigest(),
        "toYaml": lambda self, value: yaml.safe_dump(value, default_flow_style=False).rstrip("\n"),
    }


def _parsed(text: str) -> list[Block]:
    tokens = list(_tokens(text))
    tokens.reverse()
    found, end = _sequence(tokens)
    assert end == "", end
    return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Texts and actions; white space goes where an action's dash says so."""
    at, trims = 0, False
    for match in ACTION.finditer(text):
        piece = text[at : match.start()]
        piece = piece.lstrip() if trims else piece
        yield "text", piece.rstrip() if match[1] else piece
        yield "action", match[2]
        at, trims = match.end(), bool(match[3])
    yield "text", text[at:].lstrip() if trims else text[at:]


def _sequence(tokens: list[tuple[str, str]]) -> tuple[list[Block], str]:
    """Blocks up to the `end` or `else` that belongs to whoever asked, and which of them it was."""
    found: list[Block] = []
    while tokens:
        kind, content = tokens.pop()
        if kind == "text":
            found.append(Block("text", content))
            continue
        word, _, about = content.partition(" ")
        if word in ("end", "else"):
            return found, content
        if word not in OPENING:
            found.append(Block("", content))
            continue
        block = Block(word, about.strip())
        block.inner, end = _sequence(tokens)
        if end == "else":
            block.otherwise, end = _sequence(tokens)
        assert end == "end", end
        found.append(block)
    return found, ""


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {name: _merged(base[name], over[name]) for name in base.keys() & over if isinstance(over[name], dict)}
    return {**base, **over, **both}
