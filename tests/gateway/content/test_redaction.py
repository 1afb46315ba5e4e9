"""What has the form of personal data or of a secret is left out; what only looks a little like it stays."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.content.redaction import is_card, redact


def of(text: str) -> str:
    return redact(text, Counter())


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ada.l+x@mail.example.co.uk.", "Write to [email]."),
        ("Call +43 660 123 4567 or (212) 555-0147", "Call [phone] or [phone]"),
        ("Ruf 0043 1 58858-0 an, oder 01/588 58 12", "Ruf [phone] an, oder [phone]"),
        ("card 4111 1111 1111 1111, or 5500-0000-0000-0004", "card [card], or [card]"),
        ("IBAN AT61 1904 3002 3457 3201 please", "IBAN [iban] please"),
        ("DE89370400440532013000", "[iban]"),
        ("from 203.0.113.9 to 2001:db8::8a2e:370:7334.", "from [ip] to [ip]."),
        ("sk-" + "proj-a1B2" * 4, "[secret]"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [secret]"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[secret]"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [secret]"),
        ('{"password": "hunter22"}', '{"password": "[secret]"}'),
        ("postgres://app:s3cret@db/x", "postgres://app:[secret]@db/x"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nQ==\n-----END RSA PRIVATE KEY-----",
            "[secret]",
        ),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r", "[secret]"),
    ],
)
def test_is_left_out(text: str, redacted: str):
    assert of(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112 is no card number",
        "DE89370400440532013001 is no IBAN",
        "on 2026-11-27 at 10:30:00, version 1.2.3, 999.1.2.3",
        "localhost is 127.0.0.1 or ::1, std::vector<int>",
        "between 1000 and 200000 tokens, 3.14159265, order 4711-2",
        "an e-mail without a domain: ada@ or @ada",
        "my password was wrong, the secret of success",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_stays(text: str):
    assert of(text) == text


def test_says_how_much_of_what_was_left_out():
    counts: Counter[str] = Counter()
    redact("a@b.example and c@d.example, 4111111111111111", counts)
    assert counts == {"email": 2, "card": 1}


def test_a_redacted_text_is_redacted_no_further():
    text = "password: hunter22, a@b.example, +43 660 123 4567"
    assert of(of(text)) == of(text)


@given(st.text(alphabet="0123456789", min_size=12, max_size=18))
def test_one_check_digit_in_ten_makes_a_card_number(digits: str):
    found = [digit for digit in "0123456789" if is_card(digits + digit)]
    assert len(found) == (1 if len(set(digits + "x")) > 2 else len(found))


@pytest.mark.parametrize(
    "run", ["a", "1", "1 ", "a@", "a.", ":", "0:", "AT61 ", "+1 ", "eyJ", "-----BEGIN ", "password: "]
)
def test_a_long_odd_text_comes_back(run: str):
    """One whose every place may begin a match: in time that grows by the square this would take minutes."""
    text = run * (200_000 // len(run))
    assert len(of(text)) > 1000 or "[" in of(text)
