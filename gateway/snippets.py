"""A request as code: for the shell, Python and Node, with either SDK where it can be said in its format. Pure, without Django.

What a person wrote stands in the code as a literal of its language and can break out of none. Without a secret, the key is read from the
environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

VARIABLE = "TOLLGATE_API_KEY"
DEFAULT_MAX_TOKENS = 1024  # Anthropic's format asks for one
HELLO = ({"role": "user", "content": "Hello! What can you do?"},)
# Of a chat's options, those that Anthropic's SDK takes under the same name.
_SHARED_OPTIONS = frozenset({"metadata"})


@dataclass(frozen=True)
class Snippet:
    """`name` tells it from the others on a page; `language` is for whoever colours it."""

    name: str
    title: str
    language: str
    code: str


@dataclass(frozen=True)
class Chat:
    """A chat completion, in OpenAI's format. `options` are further fields of its body."""

    model: str
    messages: Sequence[Mapping[str, Any]] = HELLO
    max_tokens: int | None = None
    stream: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self.model, "messages": [dict(item) for item in self.messages]}
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if self.stream:
            body["stream"] = True
        return {**body, **self.options}

    def messages_body(self) -> dict[str, Any] | None:
        """The same in Anthropic's format; None where that takes more than plain texts."""
        told = {item.get("role") for item in self.messages}
        if not told <= {"system", "user", "assistant"} or not set(self.options) <= _SHARED_OPTIONS:
            return None
        if not all(
            isinstance(item.get("content"), str) and item.keys() <= {"role", "content"} for item in self.messages
        ):
            return None
        system = "\n\n".join(item["content"] for item in self.messages if item["role"] == "system")
        turns = [dict(item) for item in self.messages if item["role"] != "system"]
        body: dict[str, Any] = {"model": self.model, "max_tokens": self.max_tokens or DEFAULT_MAX_TOKENS}
        if system:
            body["system"] = system
        return {**body, "messages": turns, **self.options}


@dataclass(frozen=True)
class Embedding:
    """Vectors for a text."""

    model: str
    text: str = "Hello!"

    def body(self) -> dict[str, Any]:
        return {"model": self.model, "input": self.text}


def of(call: Chat | Embedding, *, base_url: str, secret: str = "") -> tuple[Snippet, ...]:
    """The call in each language. `base_url` is Tollgate's own, without a slash at its end; `secret`, if given, is written into the code."""
    if isinstance(call, Embedding):
        return (
            Snippet("curl", "curl", "bash", _curl(call.body(), f"{base_url}/v1/embeddings", secret, is_stream=False)),
            Snippet("python-openai", "Python", "python", _python_embedding(call, base_url, secret)),
            Snippet("node-openai", "Node", "javascript", _node_embedding(call, base_url, secret)),
        )
    found = [
        Snippet(
            "curl", "curl", "bash", _curl(call.body(), f"{base_url}/v1/chat/completions", secret, is_stream=call.stream)
        ),
        Snippet("python-openai", "Python, openai", "python", _python_openai(call, base_url, secret)),
        Snippet("node-openai", "Node, openai", "javascript", _node_openai(call, base_url, secret)),
    ]
    body = call.messages_body()
    if body is not None:
        found += [
            Snippet("python-anthropic", "Python, anthropic", "python", _python_anthropic(call, body, base_url, secret)),
            Snippet("node-anthropic", "Node, anthropic", "javascript", _node_anthropic(call, body, base_url, secret)),
        ]
    return tuple(found)


def _curl(body: Mapping[str, Any], url: str, secret: str, *, is_stream: bool) -> str:
    key = _shell(f"Authorization: Bearer {secret}") if secret else f'"Authorization: Bearer ${VARIABLE}"'
    lines = [
        f"curl {'-N ' if is_stream else ''}{_shell(url)}",
        f"-H {key}",
        "-H 'Content-Type: application/json'",
        f"-d {_shell(json.dumps(body, indent=2, ensure_ascii=False))}",
    ]
    return " \\\n  ".join(lines)


def _shell(text: str) -> str:
    """Quoted for a POSIX shell; plain addresses stay as they are."""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+=,-]+", text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _python_openai(call: Chat, base_url: str, secret: str) -> str:
    head = _python_client("OpenAI", "openai", f"{base_url}/v1", secret)
    arguments = _python_arguments(call.body())
    if call.stream:
        show = (
            f"stream = client.chat.completions.create(\n{arguments})\n"
            "for chunk in stream:\n"
            "    if chunk.choices:\n"
            '        print(chunk.choices[0].delta.content or "", end="", flush=True)\n'
        )
    else:
        show = f"answer = client.chat.completions.create(\n{arguments})\nprint(answer.choices[0].message.content)\n"
    return head + show


def _python_anthropic(call: Chat, body: Mapping[str, Any], base_url: str, secret: str) -> str:
    head = _python_client("Anthropic", "anthropic", base_url, secret)
    arguments = _python_arguments(body)
    if call.stream:
        show = (
            f"with client.messages.stream(\n{arguments}) as stream:\n"
            "    for text in stream.text_stream:\n"
            '        print(text, end="", flush=True)\n'
        )
    else:
        show = (
            f"message = client.messages.create(\n{arguments})\n"
            'print("".join(block.text for block in message.content if block.type == "text"))\n'
        )
    return head + show


def _python_embedding(call: Embedding, base_url: str, secret: str) -> str:
    head = _python_client("OpenAI", "openai", f"{base_url}/v1", secret)
    return f"{head}answer = client.embeddings.create(\n{_python_arguments(call.body())})\nprint(len(answer.data[0].embedding))\n"


def _python_client(name: str, package: str, base_url: str, secret: str) -> str:
    key = _literal(secret) if secret else f'os.environ["{VARIABLE}"]'
    imports = f"from {package} import {name}\n"
    if not secret:
        imports = f"import os\n\n{imports}"
    return f"{imports}\nclient = {name}(\n    base_url={_literal(base_url)},\n    api_key={key},\n)\n"


def _python_arguments(body: Mapping[str, Any]) -> str:
    """Keyword arguments, a line each; what is no name in Python goes into `extra_body`."""
    named = {name: value for name, value in body.items() if name.isidentifier()}
    rest = {name: value for name, value in body.items() if name not in named}
    if rest:
        named["extra_body"] = rest
    return "".join(f"    {name}={_literal(value, 1)},\n" for name, value in named.items())


def _node_openai(call: Chat, base_url: str, secret: str) -> str:
    head = _node_client("OpenAI", "openai", "client", f"{base_url}/v1", secret)
    body = _literal(call.body(), is_python=False)
    if call.stream:
        return head + (
            f"const stream = await client.chat.completions.create({body});\n"
            "for await (const chunk of stream) {\n"
            '  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");\n'
            "}\n"
        )
    return f"{head}const answer = await client.chat.completions.create({body});\nconsole.log(answer.choices[0].message.content);\n"


def _node_anthropic(call: Chat, body: Mapping[str, Any], base_url: str, secret: str) -> str:
    head = _node_client("Anthropic", "@anthropic-ai/sdk", "client", base_url, secret)
    told = _literal(body, is_python=False)
    if call.stream:
        return head + (
            f"const stream = client.messages.stream({told});\n"
            'stream.on("text", (text) => process.stdout.write(text));\n'
            "await stream.finalMessage();\n"
        )
    return head + (
        f"const message = await client.messages.create({told});\n"
        'console.log(message.content.map((block) => block.text ?? "").join(""));\n'
    )


def _node_embedding(call: Embedding, base_url: str, secret: str) -> str:
    head = _node_client("OpenAI", "openai", "client", f"{base_url}/v1", secret)
    body = _literal(call.body(), is_python=False)
    return (
        f"{head}const answer = await client.embeddings.create({body});\nconsole.log(answer.data[0].embedding.length);\n"
    )


def _node_client(name: str, package: str, variable: str, base_url: str, secret: str) -> str:
    key = _literal(secret) if secret else f"process.env.{VARIABLE}"
    return (
        f'import {name} from "{package}";\n\n'
        f"const {variable} = new {name}({{\n  baseURL: {_literal(base_url)},\n  apiKey: {key},\n}});\n"
    )


def _literal(value: Any, depth: int = 0, *, is_python: bool = True) -> str:
    """A JSON value as Python or JavaScript writes it: small ones on one line, others a line for each item."""
    if isinstance(value, str):
        # JSON's escapes mean the same in both languages; its two line separators, which it leaves alone, end a line in older JavaScript.
        return (
            json.dumps(value, ensure_ascii=False)
            .replace("\u2028", "\\u2028")
            .replace("\u2029", "\\u2029")
            .replace("\x7f", "\\u007f")
        )
    if value is None or isinstance(value, bool):
        words = (
            {None: "None", True: "True", False: "False"} if is_python else {None: "null", True: "true", False: "false"}
        )
        return words[value]
    if isinstance(value, Mapping):
        items = [
            f"{_name(str(name), is_python)}: {_literal(item, depth + 1, is_python=is_python)}"
            for name, item in value.items()
        ]
        return _joined(items, "{", "}", depth, is_python)
    if isinstance(value, (list, tuple)):
        return _joined([_literal(item, depth + 1, is_python=is_python) for item in value], "[", "]", depth, is_python)
    return json.dumps(value)


def _name(name: str, is_python: bool) -> str:
    return name if not is_python and re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else _literal(name)


def _joined(items: list[str], opens: str, closes: str, depth: int, is_python: bool) -> str:
    space = "" if is_python or opens == "[" or not items else " "
    line = f"{opens}{space}{', '.join(items)}{space}{closes}"
    if len(line) <= 72 and "\n" not in line and not (depth == 0 and opens == "{"):
        return line
    step = "    " if is_python else "  "
    inner = "".join(f"{step * (depth + 1)}{item},\n" for item in items)
    return f"{opens}\n{inner}{step * depth}{closes}"
