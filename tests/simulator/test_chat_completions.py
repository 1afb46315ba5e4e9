from __future__ import annotations

import json

import openai
import pydantic
import pytest

from simulator import chat_requests, tokens

HELLO = [{"role": "user", "content": "Hello, who are you?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "kelvin"]}},
            "required": ["city", "unit"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}}


def ask(gpt, text="Hello, who are you?", **options):
    return gpt.chat.completions.create(
        **{"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **options}
    )


def test_answers_with_an_echo_and_the_usage_that_the_tokenizer_counts(gpt):
    completion = ask(gpt)
    said = completion.choices[0].message.content
    assert said.startswith("You said: Hello, who are you?")
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "gpt-4o"
    expected = chat_requests.parse({"model": "gpt-4o", "messages": HELLO}).input_tokens
    assert (
        completion.usage.prompt_tokens
        == expected
        == tokens.MESSAGE_TOKENS + tokens.count(HELLO[0]["content"]) + tokens.REPLY_TOKENS
    )
    assert completion.usage.completion_tokens == tokens.count(said)
    assert completion.usage.total_tokens == expected + tokens.count(said)


def test_answers_the_same_request_with_the_same_text(gpt):
    assert ask(gpt).choices[0].message.content == ask(gpt).choices[0].message.content


def test_streams_the_role_then_a_token_a_chunk_then_the_finish_and_the_usage(gpt):
    whole = ask(gpt).choices[0].message.content
    chunks = list(ask(gpt, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    pieces = [chunk.choices[0].delta.content for chunk in chunks[1:-2]]
    assert pieces == tokens.pieces(whole)
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == len(pieces)


def test_sends_no_usage_chunk_unless_asked(post):
    status, headers, raw = post("/v1/chat/completions", {"model": "gpt-4o", "messages": HELLO, "stream": True})
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    events = raw.decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert b"usage" not in raw
    assert all(event.startswith("data: ") for event in events[:-1])


def test_stops_at_the_token_limit(gpt):
    for limit in ({"max_tokens": 3}, {"max_completion_tokens": 3}):
        completion = ask(gpt, **limit)
        assert completion.choices[0].finish_reason == "length"
        assert completion.usage.completion_tokens == 3
        assert completion.choices[0].message.content == "You said:"


def test_stops_before_a_stop_sequence(gpt):
    completion = ask(gpt, stop=["who", "never"])
    assert completion.choices[0].message.content == "You said: Hello, "
    assert completion.choices[0].finish_reason == "stop"


def test_gives_as_many_choices_as_asked_and_counts_them_all(gpt):
    completion = ask(gpt, n=3)
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    texts = [choice.message.content for choice in completion.choices]
    assert len(set(texts)) == 3
    assert completion.usage.completion_tokens == sum(map(tokens.count, texts))
    streamed = ["", "", ""]
    for chunk in ask(gpt, n=3, stream=True):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts


def test_calls_the_tool_that_is_required_with_arguments_of_its_schema(gpt):
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        completion = ask(gpt, tools=[WEATHER, CLOCK], tool_choice=choice)
        (call,) = completion.choices[0].message.tool_calls
        assert completion.choices[0].finish_reason == "tool_calls"
        assert completion.choices[0].message.content is None
        assert (call.function.name, json.loads(call.function.arguments)) == (
            "weather",
            {"city": "example city", "unit": "celsius"},
        )
        assert completion.usage.completion_tokens == tokens.count("weather") + tokens.count(call.function.arguments)


def test_calls_tools_in_parallel_when_the_text_asks_for_it(gpt):
    def names(**options):
        return [
            call.function.name
            for call in ask(gpt, "[call:clock,weather]", tools=[WEATHER, CLOCK], **options)
            .choices[0]
            .message.tool_calls
            or []
        ]

    assert names() == ["clock", "weather"]
    assert names(parallel_tool_calls=False) == ["clock"]
    assert names(tool_choice="none") == []


def test_streams_tool_calls_by_index(gpt):
    calls: dict[int, list[str]] = {}
    for chunk in ask(gpt, "[call:clock,weather]", tools=[WEATHER, CLOCK], stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            calls.setdefault(call.index, []).append((call.function.name or "") + (call.function.arguments or ""))
    assert ["".join(parts) for parts in calls.values()] == [
        "clock{}",
        'weather{"city":"example city","unit":"celsius"}',
    ]


def test_answers_in_text_after_tool_results(gpt):
    asked = {"role": "user", "content": "[call:clock]"}
    call = ask(gpt, "[call:clock]", tools=[CLOCK]).choices[0].message
    result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "noon"}
    completion = ask(gpt, messages=[asked, call.model_dump(exclude_none=True), result], tools=[CLOCK])
    assert completion.choices[0].message.content.startswith("The tool returned: noon.")


def test_answers_a_json_schema_with_an_instance_of_it(gpt):
    class Person(pydantic.BaseModel):
        name: str
        age: int
        tags: list[str]
        boss: Person | None

    parsed = (
        gpt.chat.completions.parse(model="gpt-4o", messages=HELLO, response_format=Person).choices[0].message.parsed
    )
    assert parsed.name == "example name"
    assert isinstance(parsed.boss, Person)


def test_answers_json_when_an_object_is_wanted_and_the_prompt_says_so(gpt):
    assert "answer" in json.loads(
        ask(gpt, "in JSON", response_format={"type": "json_object"}).choices[0].message.content
    )
    with pytest.raises(openai.BadRequestError, match="must contain the word 'json'"):
        ask(gpt, response_format={"type": "json_object"})


def test_counts_hidden_reasoning_within_the_output(gpt):
    completion = ask(gpt, reasoning_effort="low")
    assert completion.usage.completion_tokens_details.reasoning_tokens == 16
    assert completion.usage.completion_tokens == 16 + tokens.count(completion.choices[0].message.content)
    exhausted = ask(gpt, reasoning_effort="high", max_completion_tokens=10)
    assert (exhausted.choices[0].message.content, exhausted.choices[0].finish_reason) == ("", "length")
    assert exhausted.usage.completion_tokens == 10


def test_refuses_and_filters_when_told(gpt):
    refused = ask(gpt, "[refuse]").choices[0]
    assert refused.message.refusal
    assert (refused.message.content, refused.finish_reason) == (None, "stop")
    assert ask(gpt, "[filter]").choices[0].finish_reason == "content_filter"
    assert (
        "".join(chunk.choices[0].delta.refusal or "" for chunk in ask(gpt, "[refuse]", stream=True))
        == refused.message.refusal
    )


def test_gives_log_probabilities_of_each_token(gpt):
    choice = ask(gpt, logprobs=True, top_logprobs=2).choices[0]
    assert "".join(item.token for item in choice.logprobs.content) == choice.message.content
    assert all(len(item.top_logprobs) == 2 and item.logprob < 0 for item in choice.logprobs.content)


def test_sees_images_and_files(gpt):
    pixel = "data:image/png;base64,iVBORw0KGgo="
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": pixel}},
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ]
    completion = ask(gpt, messages=[{"role": "user", "content": content}])
    assert "2 images" in completion.choices[0].message.content
    assert completion.usage.prompt_tokens == 4 + 1 + 2 * tokens.IMAGE_TOKENS + tokens.DOCUMENT_TOKENS + 3


def test_counts_a_long_prefix_seen_before_as_cached_in_steps_of_128(gpt):
    prefix = {"role": "system", "content": "word " * 1300}
    first, second = (ask(gpt, messages=[prefix, {"role": "user", "content": text}]).usage for text in ("one", "two"))
    assert first.prompt_tokens_details.cached_tokens == 0
    assert second.prompt_tokens_details.cached_tokens == 1280
    assert second.prompt_tokens == first.prompt_tokens > 1300


def test_accepts_what_it_does_not_use(gpt):
    ask(gpt, user="u", seed=7, service_tier="auto", metadata={"a": "b"}, temperature=0.5, extra_body={"brand_new": 1})


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"messages": HELLO}, None, "you must provide a model parameter"),
        ({"model": "m"}, "messages", "Missing required parameter: 'messages'."),
        ({"model": "m", "messages": []}, "messages", "empty array"),
        ({"model": "m", "messages": "hi"}, "messages", "expected an array of objects, but got a string"),
        (
            {"model": "m", "messages": [{"role": "wizard", "content": "x"}]},
            "messages[0].role",
            "Invalid value: 'wizard'",
        ),
        ({"model": "m", "messages": [{"role": "user", "content": 7}]}, "messages[0].content", "but got an integer"),
        ({"model": "m", "messages": HELLO, "max_tokens": 0}, "max_tokens", "Expected a value >= 1, but got 0"),
        ({"model": "m", "messages": HELLO, "temperature": 3}, "temperature", "Expected a value <= 2"),
        ({"model": "m", "messages": HELLO, "stream": "yes"}, "stream", "expected a boolean"),
        ({"model": "m", "messages": HELLO, "tool_choice": "auto"}, "tool_choice", "only allowed when 'tools'"),
        ({"model": "m", "messages": HELLO, "stream_options": {}}, "stream_options", "only allowed when 'stream'"),
        (
            {"model": "m", "messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]},
            "messages.[0].role",
            "preceeding",
        ),
    ],
)
def test_refuses_a_wrong_request_in_the_providers_words(post, body, param, message):
    status, headers, raw = post("/v1/chat/completions", body)
    error = json.loads(raw)["error"]
    assert status == 400
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert message in error["message"]
    assert headers["x-request-id"].startswith("req_")


def test_refuses_bodies_that_are_not_json(post):
    status, _, raw = post("/v1/chat/completions", b"{nope")
    assert (status, json.loads(raw)["error"]["type"]) == (400, "invalid_request_error")


def test_demands_a_key(post, simulator):
    body = {"model": "gpt-4o", "messages": HELLO}
    status, _, raw = post("/v1/chat/completions", body, authorization="")
    assert (status, json.loads(raw)["error"]["type"]) == (401, "invalid_request_error")
    with (
        openai.OpenAI(base_url=f"{simulator.base_url}/v1", api_key="sk-invalid", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.models.list()
    assert caught.value.code == "invalid_api_key"


async def test_serves_many_at_once(simulator):
    import asyncio

    async with openai.AsyncOpenAI(base_url=f"{simulator.base_url}/v1", api_key="sk-test", max_retries=0) as client:
        texts = [f"number {at}" for at in range(20)]
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
                for text in texts
            )
        )
    assert all(
        f"You said: {text}." in answer.choices[0].message.content for text, answer in zip(texts, answers, strict=True)
    )
