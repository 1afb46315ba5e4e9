"""The official SDKs with a changed base URL and a Tollgate key: both surfaces, both kinds of provider, streamed and not."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from simulator import tokens

NODE = Path(__file__).parent / "node"
MODELS = ["gpt-4o", "claude-sonnet-4-5"]
PROMPT = "Tell me about toll roads, please."

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").exists(),
    reason="needs Node and `npm ci --prefix tests/e2e/node`, which .ci/run does",
)


def check_record(world: Any, *, model: str, text: str, end_user: str) -> None:
    """The call is in the request log with the tokens that the simulator counted and what they cost."""
    (record,) = world.records()
    assert (record.model_served, record.outcome, record.end_user) == (model, "ok", end_user)
    assert record.output_tokens == tokens.count(text)
    assert record.input_tokens > 0
    assert record.cost_usd > 0


@pytest.mark.parametrize("model", MODELS)
def test_openai_python(world, openai_sdk, model):
    answer = openai_sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": PROMPT}], user="py")
    text = answer.choices[0].message.content
    assert text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == tokens.count(text)
    assert answer._request_id.startswith("req_")
    check_record(world, model=model, text=text, end_user="py")


@pytest.mark.parametrize("model", MODELS)
def test_openai_python_stream(world, openai_sdk, model):
    with openai_sdk.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": PROMPT}], user="py", stream_options={"include_usage": True}
    ) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_completion()
    text = answer.choices[0].message.content
    assert answer.usage.completion_tokens == tokens.count(text) > 0
    check_record(world, model=model, text=text, end_user="py")


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_python(world, anthropic_sdk, model):
    message = anthropic_sdk.messages.create(
        model=model, max_tokens=1000, messages=[{"role": "user", "content": PROMPT}], metadata={"user_id": "py"}
    )
    text = message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == tokens.count(text) > 0
    assert message._request_id.startswith("req_")
    check_record(world, model=model, text=text, end_user="py")


@pytest.mark.parametrize("model", MODELS)
def test_anthropic_python_stream(world, anthropic_sdk, model):
    with anthropic_sdk.messages.stream(
        model=model, max_tokens=1000, messages=[{"role": "user", "content": PROMPT}], metadata={"user_id": "py"}
    ) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    text = "".join(pieces)
    assert message.content[0].text == text
    assert len(pieces) > 3
    assert message.usage.output_tokens == tokens.count(text)
    check_record(world, model=model, text=text, end_user="py")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@needs_node
def test_node(world, sdk, stream, model):
    got = call_node(world, sdk=sdk, stream=stream, model=model, prompt=PROMPT)
    assert got["text"]
    assert got["finish"] == ("stop" if sdk == "openai" else "end_turn")
    assert got["usage"]["output"] == tokens.count(got["text"])
    check_record(world, model=model, text=got["text"], end_user="node")


@pytest.mark.parametrize(
    ("model", "fault", "name", "status"),
    [
        ("nope", None, "NotFoundError", 404),
        ("gpt-4o", "429", "RateLimitError", 429),
        ("gpt-4o", "400", "BadRequestError", 400),
        ("gpt-4o", "500", "InternalServerError", 502),
    ],
)
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@needs_node
def test_node_raises_its_own_classes(world, simulator, sdk, model, fault, name, status):
    if fault:
        simulator.behave(fault=fault)
    got = call_node(world, sdk=sdk, stream=False, model=model, prompt=PROMPT)
    assert (got["error"], got["status"]) == (name, status)


def call_node(world: Any, **call: Any) -> Any:
    given = json.dumps({"baseUrl": world.gateway.url, "apiKey": world.secret, **call})
    done = subprocess.run(
        ["node", "call.mjs"], cwd=NODE, input=given.encode(), capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


OPENAI_ERRORS = [
    ("400", openai.BadRequestError),
    ("401", openai.InternalServerError),
    ("404", openai.NotFoundError),
    ("422", openai.UnprocessableEntityError),
    ("429", openai.RateLimitError),
    ("500", openai.InternalServerError),
    ("529", openai.InternalServerError),
]


@pytest.mark.parametrize(("fault", "error"), OPENAI_ERRORS)
def test_openai_python_raises_its_own_classes(world, simulator, openai_sdk, fault, error):
    simulator.behave(fault=fault)
    with pytest.raises(error) as caught:
        openai_sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert caught.value.body["message"]


ANTHROPIC_ERRORS = [
    ("400", anthropic.BadRequestError),
    ("404", anthropic.NotFoundError),
    ("413", anthropic.RequestTooLargeError),
    ("429", anthropic.RateLimitError),
    ("500", anthropic.InternalServerError),
    ("529", anthropic.InternalServerError),
]


@pytest.mark.parametrize(("fault", "error"), ANTHROPIC_ERRORS)
def test_anthropic_python_raises_its_own_classes(world, simulator, anthropic_sdk, fault, error):
    simulator.behave(fault=fault)
    with pytest.raises(error) as caught:
        anthropic_sdk.messages.create(
            model="claude-sonnet-4-5", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.body["error"]["message"]


def test_a_wrong_key_is_an_authentication_error(world):
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{world.gateway.url}/v1", api_key="tg-wrong", max_retries=0).models.list()
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=world.gateway.url, api_key="tg-wrong", max_retries=0).models.list()


def test_an_error_in_a_stream_is_raised_by_both_sdks(world, simulator, openai_sdk, anthropic_sdk):
    simulator.behave(fault="cut", fault_after_chunks=3, output_tokens=30)
    with pytest.raises(openai.APIError, match="broke off"):
        list(
            openai_sdk.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True)
        )
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        list(
            anthropic_sdk.messages.create(
                model="claude-sonnet-4-5", max_tokens=99, messages=[{"role": "user", "content": "x"}], stream=True
            )
        )


def test_lists_models(world, openai_sdk, anthropic_sdk):
    names = ["claude-sonnet-4-5", "gpt-4o", "text-embedding-3-small"]
    assert [model.id for model in openai_sdk.models.list()] == names
    assert [model.id for model in anthropic_sdk.models.list(limit=2)] == names
    assert openai_sdk.models.retrieve("gpt-4o").owned_by == "openai"
    assert anthropic_sdk.models.retrieve("gpt-4o").display_name == "gpt-4o"


def test_embeds(world, openai_sdk):
    answer = openai_sdk.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
    assert [len(entry.embedding) for entry in answer.data] == [1536, 1536]


def test_counts_tokens(world, anthropic_sdk):
    for model in MODELS:
        counted = anthropic_sdk.messages.count_tokens(model=model, messages=[{"role": "user", "content": PROMPT}])
        assert counted.input_tokens > 0
