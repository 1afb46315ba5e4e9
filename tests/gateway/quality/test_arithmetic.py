"""Sums in a text are found as people write them, and reckoned."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.quality import arithmetic


def found(text: str) -> list[tuple[tuple[float, ...], str, float, bool]]:
    return [(one.operands, one.operators, one.stated, one.is_right) for one in arithmetic.read(text).sums]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16 - 3 = 13", ((16.0, 3.0), "-", 13.0, True)),
        ("16 - 3 = 12", ((16.0, 3.0), "-", 12.0, False)),
        ("so 3 boxes x $4 = $12 in all", ((3.0, 4.0), "*", 12.0, True)),
        ("5 classes * 15 students = 75 students", ((5.0, 15.0), "*", 75.0, True)),
        ("7 × 8 = 56", ((7.0, 8.0), "*", 56.0, True)),
        ("9 ÷ 2 = 4.5", ((9.0, 2.0), "/", 4.5, True)),
        ("10% of $12 = $1.20", ((0.1, 12.0), "*", 1.2, True)),
        ("(2 + 3) * 4 = 20", ((2.0, 3.0, 4.0), "+*", 20.0, True)),
        ("2 + 3 * 4 = 20", ((2.0, 3.0, 4.0), "+*", 20.0, False)),
        ("1,200 + 300 = 1,500", ((1200.0, 300.0), "+", 1500.0, True)),
        ("$12 (for the milk) + $3 (eggs) = $15", ((12.0, 3.0), "+", 15.0, True)),
        ("10 / 3 = 3.33", ((10.0, 3.0), "/", 3.33, True)),
        ("4 / 16 = 25%", ((4.0, 16.0), "/", 0.25, True)),
        ("4 / 16 = 25", ((4.0, 16.0), "/", 25.0, True)),
        ("17 hours/week x 16 weeks = 272 hours", ((17.0, 16.0), "*", 272.0, True)),
        ("Over 25 days, 6 * 2 = 12", ((6.0, 2.0), "*", 12.0, True)),
        ("2^5 = 32", ((2.0, 5.0), "^", 32.0, True)),
        ("9 * $30 / bag x 2 = 540", ((9.0, 30.0, 2.0), "**", 540.0, True)),
        ("50 (from day 1 and 2) + 70 = 120", ((50.0, 70.0), "+", 120.0, True)),
        ("2/3 of 6 = 4", ((2.0, 3.0, 6.0), "/*", 4.0, True)),
        ("Since 1/4 of a box has 3 * 2 = 6", ((3.0, 2.0), "*", 6.0, True)),
        ("5 \\* 4 = 20", ((5.0, 4.0), "*", 20.0, True)),
        ("8 - 10 = -2", ((8.0, 10.0), "-", -2.0, True)),
    ],
)
def test_finds_and_reckons_a_sum(text: str, expected: tuple[tuple[float, ...], str, float, bool]):
    assert found(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "x = 5",
        "2x + 8 = 22",
        "In 2024 = nothing",
        "5 = 5",
        "4 / 0 = 0",
        "(3 + 4 = 7",
        "no numbers = at all",
        "two-thirds = 2",
        "x * 4 + 8 = 40",
        "4 + 8 + x = 32",
        "1/4 * number of students = 20",
        "100 - 9 * (the other shoe) = 10",
    ],
)
def test_leaves_alone_what_is_no_sum(text: str):
    assert found(text) == []


def test_reads_a_chain_link_by_link():
    assert found("2 + 3 = 5 = 6") == [((2.0, 3.0), "+", 5.0, True)]
    assert found("2 + 3 = 10 / 2 = 6") == [((2.0, 3.0), "+", 5.0, True), ((10.0, 2.0), "/", 6.0, False)]


def test_a_run_on_is_no_mistake():
    assert [one[3] for one in found("They need 8 + 2 = 10 - 3 = 7 in all")] == [True, True]
    assert [one[3] for one in found("They need 8 + 2 = 11 - 3 = 8 in all")] == [False, True]


def test_reads_calculator_notes_once():
    reading = arithmetic.read("16 - 3 = <<16-3=13>>13 eggs and 2 * 4 = <<2*4=9>>9")
    assert [one.is_right for one in reading.sums] == [True, False]
    assert (reading.notes, reading.wrong_notes, reading.has_open_note) == (2, 1, False)
    assert reading.numbers == (16.0, 3.0, 13.0, 2.0, 4.0, 9.0)


def test_sees_a_note_that_breaks_off():
    reading = arithmetic.read("That costs 36 * 68/12 = $<<36*68/1")
    assert reading.has_open_note
    assert reading.sums == ()


def test_executes_nothing_and_refuses_huge_powers():
    assert found("9^9^9^9 = 1") == []
    assert found("__import__('os') + 1 = 2") == []


def test_stops_after_a_hundred_sums():
    assert len(arithmetic.read("1 + 1 = 2\n" * 500).sums) == 100


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,+-*/x=()%$<> \nabc^", max_size=200))
def test_never_raises(text: str):
    arithmetic.read(text)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.sampled_from("+-*"))
def test_every_right_sum_is_right_and_one_off_is_wrong(left: int, right: int, operator: str):
    value = {"+": left + right, "-": left - right, "*": left * right}[operator]
    assert [one.is_right for one in arithmetic.read(f"{left} {operator} {right} = {value}").sums] == [True]
    wrong = value + max(1, abs(value) // 10) + 1
    is_share = any(abs(wrong * factor - value) < 1e-9 for factor in (100, 0.01))
    assert [one.is_right for one in arithmetic.read(f"{left} {operator} {right} = {wrong}").sums] == [is_share]
