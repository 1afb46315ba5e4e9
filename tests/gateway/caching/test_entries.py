"""An entry comes back as it went in, or is said to be broken."""

from __future__ import annotations

import os

import pytest

from gateway.caching import entries
from gateway.caching.entries import Broken, Head
from gateway.types import Usage

HEAD = Head("faq", "k" * 32, ("a", "b"), "openai", "gpt-4o", Usage(input_tokens=3, output_tokens=4), 1_234)
TIMES = b"\0" * entries.TIMES_BYTES


@pytest.mark.parametrize(
    ("body", "is_compressed"),
    [
        (b"", False),
        (b"{}", False),
        (b"word " * 200, False),  # 1000 bytes: too few
        (b"word " * 300, True),
        (os.urandom(2000), False),  # nothing to gain
        (b"word " * 20_000, False),  # too many to compress while others wait
    ],
)
def test_comes_back_as_it_was_compressed_where_that_pays(body: bytes, is_compressed: bool):
    packed = entries.pack(HEAD, body)
    found = entries.unpack(TIMES + packed)
    assert found.body == body
    assert found.head.is_compressed == is_compressed
    assert (found.head.task, found.head.tags, found.head.usage, found.head.cost_nanousd) == (
        "faq", ("a", "b"), HEAD.usage, 1_234,
    )  # fmt: skip
    assert (len(packed) < len(body)) == is_compressed


def test_what_is_no_entry_is_said_to_be_broken():
    whole = TIMES + entries.pack(HEAD, b"word " * 300)
    plain = TIMES + entries.pack(HEAD, b"word")
    for data in (plain[:-1], plain[:-4] + b"sold", plain + b"s"):
        with pytest.raises(Broken):
            entries.unpack(data)
    for data in (b"", TIMES, whole[:40], whole[:-1], TIMES + b"\x00\x01\xc0", TIMES + b"\xff\xff", os.urandom(200)):
        with pytest.raises(Broken):
            entries.unpack(data)
