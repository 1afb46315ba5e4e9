from __future__ import annotations

import json
import math

import openai
import pytest

from simulator import embeddings, tokens


def embed(gpt, value, **options):
    return gpt.embeddings.create(**{"model": "text-embedding-3-small", "input": value, **options})


def test_gives_unit_vectors_that_depend_on_the_text_alone(gpt):
    answer = embed(gpt, ["one", "two", "one"], encoding_format="float")
    one, two, again = (item.embedding for item in answer.data)
    assert one == again != two
    assert len(one) == 1536
    assert math.isclose(sum(value * value for value in one), 1, abs_tol=1e-5)
    assert abs(sum(left * right for left, right in zip(one, two, strict=True))) < 0.2
    assert one == embeddings.vector_of("one").tolist()


def test_encodes_the_same_vector_as_base64(gpt):
    """The SDK asks for base64 by itself."""
    assert embed(gpt, "one").data[0].embedding == pytest.approx(
        embed(gpt, "one", encoding_format="float").data[0].embedding
    )


def test_shortens_vectors_to_the_dimensions_asked_for(gpt):
    full, short = (embed(gpt, "one", **options).data[0].embedding for options in ({}, {"dimensions": 256}))
    assert len(short) == 256
    assert math.isclose(sum(value * value for value in short), 1, abs_tol=1e-5)
    assert short[1] / short[0] == pytest.approx(full[1] / full[0], rel=1e-4)
    assert len(embed(gpt, "one", model="text-embedding-3-large").data[0].embedding) == 3072


def test_counts_texts_by_the_tokenizer_and_token_arrays_by_their_length(gpt):
    assert embed(gpt, ["Hello there", "you"]).usage.total_tokens == tokens.count("Hello there") + 1
    assert embed(gpt, [1, 2, 3]).usage.prompt_tokens == 3
    assert len(embed(gpt, [[1, 2], [3]]).data) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": "m"}, "Missing required parameter: 'input'."),
        ({"input": "x"}, "you must provide a model parameter"),
        ({"model": "m", "input": ""}, "'$.input' is invalid"),
        ({"model": "m", "input": 5}, "Invalid type for 'input'"),
        ({"model": "m", "input": "x", "dimensions": 0}, "Expected a value >= 1"),
        ({"model": "m", "input": "x", "encoding_format": "hex"}, "Invalid value: 'hex'"),
        ({"model": "text-embedding-ada-002", "input": "x", "dimensions": 5}, "does not support specifying dimensions"),
    ],
)
def test_refuses_a_wrong_request_in_the_providers_words(post, body, message):
    status, _, raw = post("/v1/embeddings", body)
    assert status == 400
    assert message in json.loads(raw)["error"]["message"]


def test_fails_when_told(gpt, simulator):
    simulator.client.behave(path="/v1/embeddings", fault="503")
    with pytest.raises(openai.InternalServerError):
        embed(gpt, "one")
