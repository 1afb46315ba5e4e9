"""The code that is shown does what it says: it is run here, as it stands, against a running gateway."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import snippets
from gateway.snippets import Chat, Embedding, Snippet
from tests.gateway.live import World

NODE = Path(__file__).resolve().parents[1] / "e2e" / "node"
HAS_NODE = shutil.which("node") is not None and (NODE / "node_modules").exists()
NASTY = "It's $HOME, \"quoted\" `id`\n\\n ${x} {{ y }} <b>ünïcode</b> 🙂 \u2028 end'; import os"
CALLS = {
    "stream": Chat("claude-sonnet-4-5", stream=True),
    "nasty": Chat(
        "gpt-4o",
        messages=[{"role": "system", "content": NASTY}, {"role": "user", "content": NASTY}],
        max_tokens=200,
    ),
    "embedding": Embedding("text-embedding-3-small", NASTY),
}
NAMES = ["curl", "python-openai", "node-openai", "python-anthropic", "node-anthropic"]


def run(snippet: Snippet, **environment: str) -> str:
    command = {
        "bash": ["bash", "-c", snippet.code],
        "python": [sys.executable, "-c", snippet.code],
        "javascript": ["node", "--input-type=module", "-e", snippet.code],
    }[snippet.language]
    done = subprocess.run(
        command,
        cwd=NODE,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_each_snippet_makes_the_request(world: World, simulator: Any, call: Chat | Embedding):
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    found = snippets.of(call, base_url=world.gateway.url, secret=world.secret)
    assert [item.name for item in found] == (NAMES if isinstance(call, Chat) else NAMES[:3])
    for snippet in found:
        if snippet.language == "javascript" and not HAS_NODE:
            continue
        simulator.clear()
        assert run(snippet).strip()
        (request,) = simulator.requests()
        sent = json.dumps(request["body"], ensure_ascii=False)
        wanted = call.text if isinstance(call, Embedding) else call.messages[-1]["content"]
        assert json.dumps(wanted, ensure_ascii=False) in sent, snippet.name


def test_without_a_secret_the_key_is_read_from_the_environment(world: World, simulator: Any):
    for snippet in snippets.of(CALLS["stream"], base_url=world.gateway.url):
        assert world.secret not in snippet.code
        assert snippets.VARIABLE in snippet.code
        if snippet.name == "curl":
            run(snippet, TOLLGATE_API_KEY=world.secret)
    assert len(simulator.requests()) == 1


def test_what_anthropics_format_does_not_say_alike_is_left_to_openais():
    image = [{"type": "image_url", "image_url": {"url": "data:x"}}]
    for call in (
        Chat("m", messages=[{"role": "user", "content": image}]),
        Chat("m", messages=[{"role": "tool", "content": "x", "tool_call_id": "1"}]),
        Chat("m", options={"response_format": {"type": "json_object"}}),
    ):
        assert [item.name for item in snippets.of(call, base_url="http://x")] == NAMES[:3]
    assert len(snippets.of(Chat("m", options={"metadata": {"user_id": "u"}}), base_url="http://x")) == 5


def test_it_reads_as_people_write_it():
    python = snippets.of(Chat("gpt-4o", max_tokens=50), base_url="https://llm.example.com", secret="tg-abc")[1].code
    assert python == (
        "from openai import OpenAI\n\n"
        'client = OpenAI(\n    base_url="https://llm.example.com/v1",\n    api_key="tg-abc",\n)\n'
        "answer = client.chat.completions.create(\n"
        '    model="gpt-4o",\n'
        '    messages=[{"role": "user", "content": "Hello! What can you do?"}],\n'
        "    max_tokens=50,\n"
        ")\n"
        "print(answer.choices[0].message.content)\n"
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_any_value_is_a_literal_that_means_the_same(value: Any):
    assert ast.literal_eval(snippets._literal(value)) == value


@settings(max_examples=25)
@given(st.text())
def test_no_text_ends_its_quotes_in_the_shell(text: str):
    text = text.replace("\x00", "").encode("utf-8", "ignore").decode()
    done = subprocess.run(["sh", "-c", f"printf %s {snippets._shell(text)}"], capture_output=True, check=True)
    assert done.stdout.decode() == text
