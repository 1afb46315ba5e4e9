"""What is read of a request, and what is wrong with one."""

import pytest

from gateway.errors import InvalidRequest
from gateway.pipeline.validator import validate
from gateway.types import Endpoint, Labels

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]%s}'


def chat(extra: bytes = b"", **headers: str):
    return validate(Endpoint.CHAT, CHAT % extra, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("endpoint", "body", "message", "param"),
    [
        (Endpoint.CHAT, b"", "The body is empty; send JSON.", None),
        (Endpoint.CHAT, b"{", "The body is not valid JSON", None),
        (Endpoint.CHAT, b'"x"', "Expected `object`, got `str`.", None),
        (Endpoint.CHAT, b'{"model":"m"}', "Object missing required field `messages`.", "messages"),
        (Endpoint.CHAT, b'{"model":1,"messages":[]}', "Expected `str`, got `int` at model.", "model"),
        (
            Endpoint.CHAT,
            b'{"model":"","messages":[{"role":"user"}]}',
            "Expected `str` of length >= 1 at model.",
            "model",
        ),
        (Endpoint.CHAT, b'{"model":"m","messages":[]}', "Expected `array` of length >= 1 at messages.", "messages"),
        (
            Endpoint.CHAT,
            b'{"model":"m","messages":[{}]}',
            "Object missing required field `role` at messages[0].",
            "messages[0]",
        ),
        (
            Endpoint.CHAT,
            b'{"model":"m","messages":[{"role":"user","content":[{"type":3}]}]}',
            "Expected `str`, got `int` at messages[0].content[0].type.",
            "messages[0].content[0].type",
        ),
        (
            Endpoint.CHAT,
            CHAT % b',"temperature":NaN',
            "The body is not valid JSON: JSON is malformed: invalid character",
            None,
        ),
        (Endpoint.CHAT, CHAT % b',"stream":"yes"', "Expected `bool | null`, got `str` at stream.", "stream"),
        (Endpoint.CHAT, CHAT % b',"x":"\xff"', "The body is not UTF-8: byte", None),
        (Endpoint.CHAT, CHAT % b',"x":"\\ud800"', "The body is not valid JSON", None),
        (Endpoint.CHAT, CHAT % (b',"x":' + b"[" * 100_000 + b"]" * 100_000), "The body is nested too deeply.", None),
        (Endpoint.CHAT, CHAT % b',"max_tokens":0', "Expected `int` >= 1 at max_tokens.", "max_tokens"),
        (Endpoint.MESSAGES, CHAT % b"", "Object missing required field `max_tokens`.", "max_tokens"),
        (Endpoint.EMBEDDINGS, b'{"model":"m","input":{}}', "Expected `str | array`, got `object` at input.", "input"),
        (Endpoint.CHAT, CHAT % b',"user":"a\\u0000b"', "The end user holds characters that cannot be printed.", "user"),
        (Endpoint.CHAT, CHAT % b',"metadata":{"user_id":7}', "metadata.user_id must be a string.", "metadata.user_id"),
        (Endpoint.CHAT, CHAT % b',"metadata":{"tags":7}', "metadata.tags must be a list of strings", "metadata.tags"),
    ],
)
def test_says_what_is_wrong_and_where(endpoint, body, message, param):
    with pytest.raises(InvalidRequest) as caught:
        validate(endpoint, body, {})
    assert caught.value.message.startswith(message)
    assert caught.value.param == param
    assert caught.value.status == 400


def test_reads_labels_from_metadata():
    request = chat(b',"metadata":{"user_id":"ada","feature":"search","tags":["a"," b ","a"]}')
    assert request.labels == Labels(end_user="ada", feature="search", tags=("a", "b"))


def test_reads_labels_from_headers_first():
    request = chat(b',"user":"ada","metadata":{"tags":"x"}', x_tollgate_user="gr%C3%A4fin", x_tollgate_tags="a, b")
    assert request.labels == Labels(end_user="gräfin", tags=("a", "b"))


@pytest.mark.parametrize("field", [b"user", b"safety_identifier"])
def test_takes_openais_own_fields_for_the_end_user(field):
    assert chat(b',"%s":"ada"' % field).labels.end_user == "ada"


@pytest.mark.parametrize(
    ("extra", "need"),
    [
        (b',"stream":true', "streaming"),
        (b',"tools":[{"type":"function"}]', "tools"),
        (b',"functions":[{"name":"f"}]', "tools"),
        (b',"response_format":{"type":"json_schema"}', "json_schema"),
    ],
)
def test_sees_what_a_request_needs_of_a_model(extra, need):
    assert chat(extra).needs == {"chat", need}
    assert chat().needs == {"chat"}


def test_sees_images():
    body = b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{}}]}]}'
    assert validate(Endpoint.CHAT, body, {}).needs == {"chat", "vision"}


MESSAGES = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":%s}]%s}'


@pytest.mark.parametrize(
    "extra",
    [b',"output_config":{"format":{"type":"json_schema","schema":{}}}', b',"output_format":{"type":"json_schema"}'],
)
def test_sees_a_schema_in_anthropic_s_format(extra):
    assert validate(Endpoint.MESSAGES, MESSAGES % (b'"x"', extra), {}).needs == {"chat", "json_schema"}
    assert validate(Endpoint.MESSAGES, MESSAGES % (b'"x"', b',"output_config":{"effort":"low"}'), {}).needs == {"chat"}


@pytest.mark.parametrize(
    ("content", "sees"),
    [
        (b'[{"type":"text","text":"x"},{"type":"image","source":{}}]', True),
        (b'[{"type":"image","source":{}}]', True),
        (b'[{"type":"text","text":"an \\"image\\""}]', False),
        (b'"an \\"image\\""', False),
        (b'{"image":1}', False),
    ],
)
def test_sees_images_that_a_tool_gave(content, sees):
    result = b'[{"type":"tool_result","tool_use_id":"t","content":%s}]' % content
    assert ("vision" in validate(Endpoint.MESSAGES, MESSAGES % (result, b""), {}).needs) == sees


def test_keeps_unknown_fields_as_they_came():
    request = chat(b', "new_thing" : {"a": 1.0,  "b":[1e2]}')
    assert bytes(request.raw["new_thing"]) == b'{"a": 1.0,  "b":[1e2]}'
