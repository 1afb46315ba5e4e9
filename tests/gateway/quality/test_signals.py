"""What an answer shows at a glance."""

import math
from typing import Any

import pytest

from gateway.quality import signals

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I cannot assist.",
        "I am unable to answer this.",
        "I cannot provide medical advice.",
        "As an AI language model, I don't have opinions.",
        "Unfortunately, I can't do that.",
        "I don't have access to your files.",
    ],
)
def test_a_refusal_is_seen(text: str):
    seen = signals.read(text)
    assert seen.names == ("refusal",)
    assert seen.is_hopeless


@pytest.mark.parametrize(
    "text",
    [
        "I can't believe how good Paris is in spring.",
        "Sorry to hear that! Your parcel left on Monday.",
        "The guide says: do not refuse.",
        "x" * 400 + " I cannot provide that.",
    ],
)
def test_what_only_sounds_like_one_is_none(text: str):
    assert not signals.read(text).is_refusal


@pytest.mark.parametrize("reason", ["content_filter", "refusal"])
def test_the_providers_word_for_a_refusal_counts(reason: str):
    assert signals.read("Well.", finish_reason=reason).is_refusal


@pytest.mark.parametrize("reason", ["length", "max_tokens"])
def test_an_answer_that_ran_out_of_tokens_is_cut(reason: str):
    seen = signals.read("It is done.", finish_reason=reason)
    assert seen.names == ("cut",)
    assert seen.is_hopeless


@pytest.mark.parametrize(
    ("text", "breaks_off"),
    [
        ("Here is the code:\n```python\nprint(1)", True),
        ("Here is the code:\n```python\nprint(1)\n```", False),
        ("We add the", True),
        ("First we add 3,", True),
        ("The total is (", True),
        ("It began well. Then the two of them went down the long road", True),
        ("It began well. They went home.", False),
        ("Paris", False),
        ("42", False),
        ("#### 18", False),
        ("- one\n- two\n- three", False),
        ("", False),
    ],
)
def test_a_sentence_or_fence_left_open_is_seen(text: str, breaks_off: bool):
    assert signals.read(text or " ").breaks_off is breaks_off


def test_nothing_is_empty_unless_a_tool_is_called():
    assert signals.read(" \n").names == ("empty",)
    assert signals.read("", calls_tools=True).names == ()
    assert signals.read("", calls_tools=True, json_schema=SCHEMA).violates_schema is None


@pytest.mark.parametrize(
    ("answer", "violates"),
    [
        ('{"city": "Graz"}', False),
        (' {"city": "Graz", "people": 300000}\n', False),
        ('{"people": 3}', True),
        ('{"city": "Graz", "people": -1}', True),
        ('{"city": "Graz", "mayor": "?"}', True),
        ('{"city": "Gra', True),
        ('```json\n{"city": "Graz"}\n```', True),
        ("Graz", True),
    ],
)
def test_an_answer_is_held_to_its_schema(answer: str, violates: bool):
    seen = signals.read(answer, json_schema=SCHEMA)
    assert seen.violates_schema is violates
    assert seen.is_hopeless is violates


def test_json_without_a_schema_need_only_be_json():
    assert signals.read("[1, 2]", wants_json=True).violates_schema is False
    assert signals.read("[1, 2", wants_json=True).violates_schema is True
    assert signals.read("[1, 2").violates_schema is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"type": "no such type"},
        {"required": 7},
        {"pattern": "(a+)+$"},
        {"patternProperties": {"(a+)+$": False}, "additionalProperties": False},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}, "$ref": "#/$defs/d0"},
    ],
    ids=["elsewhere", "no type", "nonsense", "slow pattern", "slow names", "endless", "doubling"],
)
@pytest.mark.parametrize(
    "answer", ['"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"', '{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!": 1}']
)
def test_a_clients_schema_cannot_do_harm(schema: dict[str, Any], answer: str):
    assert signals.read(answer, json_schema=schema).violates_schema is False


def test_low_logprobs_are_an_unsure_answer():
    assert signals.read("Graz.", logprobs=[math.log(0.4)] * 5).names == ("unsure",)
    assert signals.read("Graz.", logprobs=[math.log(0.6)] * 5).names == ()
    assert signals.read("Graz.", logprobs=[-1.0, -3.0]).mean_logprob == -2.0
    assert signals.read("Graz.").mean_logprob is None
    assert not signals.read("Graz.", logprobs=[-9.0]).is_hopeless
