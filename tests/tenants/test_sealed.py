"""What Tollgate signs and takes back: only what it has made itself, for the same purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.sealed import Seal

SEAL = Seal("tests", ["secret"])


@given(st.binary(max_size=300))
def test_what_was_closed_opens_to_the_same_content(content: bytes):
    text = SEAL.close(content)
    assert SEAL.open(text) == content
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()


@given(st.binary(max_size=60), st.data())
def test_what_was_changed_anywhere_does_not_open(content: bytes, data: st.DataObject):
    text = SEAL.close(content)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([letter for letter in "ABCDQRgw09_-" if letter != text[place]]))
    assert SEAL.open(text[:place] + other + text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "A", "=", "tgf-", "ü", "\0", "A" * 22, "a b", "AAAA\nAAAA" * 9, "🙂" * 30])
def test_what_is_no_sealed_text_does_not_open(text: str):
    assert SEAL.open(text) is None


def test_what_is_for_another_purpose_or_under_another_secret_does_not_open():
    text = SEAL.close(b"content")
    assert Seal("other", ["secret"]).open(text) is None
    assert Seal("tests", ["another"]).open(text) is None


def test_a_former_secret_still_opens_and_the_new_one_closes():
    text = SEAL.close(b"content")
    rotated = Seal("tests", ["new", "secret"])
    assert rotated.open(text) == b"content"
    assert rotated.close(b"content") == Seal("tests", ["new"]).close(b"content") != text
