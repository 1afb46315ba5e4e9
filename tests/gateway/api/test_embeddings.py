"""POST /v1/embeddings."""

from __future__ import annotations

import base64
import struct

import pytest


@pytest.mark.parametrize("given", ["one", ["one", "two"], [1, 2, 3], [[1, 2], [3]]])
def test_takes_every_form_of_input(world, given):
    reply = world.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": given})
    assert reply.status == 200
    data = reply.json()["data"]
    assert len(data) == (len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1)
    assert len(data[0]["embedding"]) == 1536


def test_base64_holds_the_same_numbers(world):
    body = {"model": "text-embedding-3-small", "input": "one", "dimensions": 8}
    floats = world.post("/v1/embeddings", body).json()["data"][0]["embedding"]
    encoded = world.post("/v1/embeddings", {**body, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert struct.unpack("<8f", base64.b64decode(encoded)) == pytest.approx(floats, abs=1e-6)


def test_a_chat_model_cannot_embed_and_an_embedding_model_cannot_chat(world, simulator):
    reply = world.post("/v1/embeddings", {"model": "claude-sonnet-4-5", "input": "x"})
    assert reply.status == 400
    world.model("chat-only", "openai", capabilities=["chat"])
    reply = world.post("/v1/embeddings", {"model": "chat-only", "input": "x"})
    assert (reply.status, reply.json()["error"]["code"]) == (400, "model_cannot")
    reply = world.chat("text-embedding-3-small")
    assert (reply.status, reply.json()["error"]["code"]) == (400, "model_cannot")
    assert simulator.requests() == []


def test_without_reported_usage_the_input_is_charged_and_vectors_are_no_output(world, simulator):
    simulator.behave(omit_usage=True)
    assert world.post("/v1/embeddings", {"model": "text-embedding-3-small", "input": "one"}).status == 200
    (row,) = world.records(1)
    assert row.input_tokens > 0
    assert (row.usage_source, row.output_tokens) == ("estimated", 0)
