from __future__ import annotations

import json

import anthropic
import pytest

from simulator import messages_requests, tokens

HELLO = [{"role": "user", "content": "Hello, who are you?"}]
WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def ask(claude, text="Hello, who are you?", **options):
    given = {"model": "sim-claude", "max_tokens": 2000, "messages": [{"role": "user", "content": text}], **options}
    return claude.messages.create(**given)


def event_names(raw: bytes) -> list[str]:
    return [block.split("\n")[0].removeprefix("event: ") for block in raw.decode().split("\n\n") if block]


def test_answers_with_an_echo_and_the_usage_that_the_tokenizer_counts(claude):
    message = ask(claude, system="Be brief.")
    assert message.content[0].text.startswith("You said: Hello, who are you?")
    assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
    body = {"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": HELLO}
    assert message.usage.input_tokens == messages_requests.parse(body).input_tokens
    assert message.usage.output_tokens == tokens.count(message.content[0].text)


def test_counts_tokens_as_it_charges_them(claude):
    given = {
        "model": "sim-claude",
        "messages": HELLO,
        "system": [{"type": "text", "text": "Be brief."}],
        "tools": [WEATHER],
    }
    assert (
        claude.messages.count_tokens(**given).input_tokens
        == claude.messages.create(**given, max_tokens=5).usage.input_tokens
    )


def test_streams_named_events_in_the_providers_order(post):
    body = {"model": "sim-claude?output_tokens=2", "max_tokens": 50, "messages": HELLO, "stream": True}
    status, headers, raw = post("/v1/messages", body)
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert event_names(raw) == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    for block in raw.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")


def test_streams_what_it_answers_whole(claude):
    given = {
        "system": "x",
        "tools": [WEATHER],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "text": "Go [call:weather]",
    }
    whole = ask(claude, **given)
    text = given.pop("text")
    messages = [{"role": "user", "content": text}]
    with claude.messages.stream(model="sim-claude", max_tokens=2000, messages=messages, **given) as stream:
        streamed = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "tool_use"]
    assert streamed.content[0].model_dump() == whole.content[0].model_dump()
    assert streamed.content[1].input == whole.content[1].input == {"city": "example city"}
    assert streamed.stop_reason == whole.stop_reason == "tool_use"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


def test_takes_its_own_thinking_back_and_refuses_a_forged_one(claude):
    thinking = {"type": "enabled", "budget_tokens": 1024}
    first = ask(claude, "[call:clock]", thinking=thinking, tools=[CLOCK])
    blocks = [block.model_dump(exclude_none=True) for block in first.content]
    result = {"type": "tool_result", "tool_use_id": first.content[-1].id, "content": [{"type": "text", "text": "noon"}]}
    messages = [
        {"role": "user", "content": "[call:clock]"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": [result]},
    ]
    answer = ask(claude, messages=messages, thinking=thinking, tools=[CLOCK])
    assert answer.content[-1].text.startswith("The tool returned: noon.")
    blocks[0]["signature"] = "forged"
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        ask(claude, messages=messages, thinking=thinking, tools=[CLOCK])


def test_stops_at_the_token_limit_and_at_a_stop_sequence(claude):
    limited = ask(claude, max_tokens=3)
    assert (limited.stop_reason, limited.usage.output_tokens, limited.content[0].text) == ("max_tokens", 3, "You said:")
    stopped = ask(claude, stop_sequences=["who", "Hello"])
    assert (stopped.stop_reason, stopped.stop_sequence, stopped.content[0].text) == (
        "stop_sequence",
        "Hello",
        "You said: ",
    )


def test_calls_tools_as_the_choice_demands(claude):
    def names(choice, text="hi"):
        return [
            block.name
            for block in ask(claude, text, tools=[WEATHER, CLOCK], tool_choice=choice).content
            if block.type == "tool_use"
        ]

    assert names({"type": "any"}) == ["weather"]
    assert names({"type": "tool", "name": "clock"}) == ["clock"]
    assert names({"type": "auto"}) == []
    assert names({"type": "auto"}, "[call:weather,clock]") == ["weather", "clock"]
    assert names({"type": "auto", "disable_parallel_tool_use": True}, "[call:weather,clock]") == ["weather"]
    assert names({"type": "none"}, "[call:weather]") == []


def test_writes_a_marked_prefix_first_and_reads_it_later(claude):
    system = [
        {"type": "text", "text": "long lived " * 50, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "short lived " * 20, "cache_control": {"type": "ephemeral"}},
    ]
    first, second = (ask(claude, text, system=system).usage for text in ("one", "two"))
    assert first.cache_creation.ephemeral_1h_input_tokens == tokens.count("long lived " * 50)
    assert first.cache_creation.ephemeral_5m_input_tokens == tokens.count("short lived " * 20)
    assert first.cache_creation_input_tokens == second.cache_read_input_tokens
    assert (first.cache_read_input_tokens, second.cache_creation_input_tokens) == (0, 0)
    assert first.input_tokens == second.input_tokens == tokens.MESSAGE_TOKENS + 1 + tokens.REPLY_TOKENS


def test_reads_the_kept_beginning_of_a_longer_prompt_and_writes_the_rest(claude):
    mark = {"cache_control": {"type": "ephemeral"}}
    opening = [{"role": "user", "content": [{"type": "text", "text": "first turn", **mark}]}]
    written = ask(claude, messages=opening).usage.cache_creation_input_tokens
    longer = [
        {"role": "user", "content": "first turn"},
        {"role": "assistant", "content": "an answer"},
        {"role": "user", "content": [{"type": "text", "text": "second turn", **mark}]},
    ]
    usage = ask(claude, messages=longer).usage
    assert usage.cache_read_input_tokens == written
    assert usage.cache_creation_input_tokens == 2 * tokens.MESSAGE_TOKENS + tokens.count("an answer") + tokens.count(
        "second turn"
    )


def test_keeps_caches_of_different_keys_apart(claude):
    system = [{"type": "text", "text": "shared", "cache_control": {"type": "ephemeral"}}]
    ask(claude, system=system)
    other = claude.with_options(api_key="sk-ant-other")
    assert ask(other, system=system).usage.cache_read_input_tokens == 0


def test_sees_images_and_documents_and_continues_a_prefill(claude):
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    url = {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}}
    seen = ask(claude, [PNG, url, pdf, {"type": "text", "text": "Look"}])
    assert "2 images" in seen.content[0].text
    assert seen.usage.input_tokens == 4 + 1 + 2 * tokens.IMAGE_TOKENS + tokens.DOCUMENT_TOKENS + 3
    prefilled = ask(claude, messages=[*HELLO, {"role": "assistant", "content": "I am"}])
    assert not prefilled.content[0].text.startswith("You said")


def test_answers_a_json_schema_with_an_instance_of_it(claude):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
    message = ask(claude, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert json.loads(message.content[0].text) == {"n": 5}


def test_refuses_when_told(claude):
    assert ask(claude, "[refuse]").stop_reason == "refusal"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model: Input should be a valid string"),
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"messages": ...}, "messages: Field required"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"messages": [{"role": "system", "content": "x"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role: Input should be 'user' or 'assistant'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
            "text content blocks must be non-empty",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "Input tag 'video' found"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 5000}}, "`max_tokens` must be greater"),
        ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tool_choice": {"type": "any"}}, "only be specified while providing tools"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}]},
            "unexpected `tool_use_id`",
        ),
    ],
)
def test_refuses_a_wrong_request_in_the_providers_words(post, change, message):
    body = {"model": "sim-claude", "max_tokens": 2000, "messages": HELLO, **change}
    status, headers, raw = post("/v1/messages", {name: value for name, value in body.items() if value is not ...})
    answer = json.loads(raw)
    assert status == 400
    assert (answer["type"], answer["error"]["type"]) == ("error", "invalid_request_error")
    assert message in answer["error"]["message"]
    assert answer["request_id"] == headers["request-id"]


def test_demands_a_key_and_a_version(post):
    body = {"model": "m", "max_tokens": 5, "messages": HELLO}
    status, _, raw = post("/v1/messages", body, x_api_key="", authorization="")
    assert (status, json.loads(raw)["error"]["type"]) == (401, "authentication_error")
    assert post("/v1/messages", body, x_api_key="sk-invalid")[0] == 401
    assert post("/v1/messages", body, anthropic_version="")[0] == 400
    assert post("/v1/messages", body, authorization="")[0] == 200
    assert post("/v1/messages", body, x_api_key="")[0] == 200


def test_sends_the_providers_rate_limit_headers(post):
    headers = post("/v1/messages", {"model": "m", "max_tokens": 5, "messages": HELLO})[1]
    assert "anthropic-ratelimit-requests-remaining" in headers
    assert headers["anthropic-ratelimit-tokens-reset"].endswith("Z")
