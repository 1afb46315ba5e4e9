"""What a question says of its numbers is looked for in the sums, operator by operator."""

import pytest

from gateway.quality import arithmetic, relations


@pytest.mark.parametrize(
    ("prompt", "answer", "unmet"),
    [
        ("40 fewer petunias than geraniums", "90 - 40 = 50", 0),
        ("40 fewer petunias than geraniums", "90 + 40 = 130", 1),
        ("ten less than that", "30 - 10 = 20", 0),
        ("she is 5 years older", "20 + 5 = 25", 0),
        ("he has 6 more sausages", "38 * 6 = 228", 1),
        ("80% off", "400 * 0.8 = 320", 0),
        ("10% of them", "20 * 10 = 200", 0),
        ("10% of them", "20 / 4 = 5", 1),
        ("25% of them", "20 / 4 = 5", 0),
        ("30 percent more", "20 * 1.3 = 26", 0),
        ("twice as many", "7 * 2 = 14", 0),
        ("twice as many", "7 + 7 = 14", 0),
        ("twice as many", "7 + 3 = 10", 1),
        ("half of it", "8 / 2 = 4", 0),
        ("half of it", "8 * 0.5 = 4", 0),
        ("half of it", "8 - 2 = 6", 1),
        ("triple that", "3 * 5 = 15", 0),
        ("two thirds of them", "2 / 3 * 9 = 6", 0),
        ("a quarter of them", "9 - 1 = 8", 1),
        ("3 dozen eggs", "3 * 12 = 36", 0),
        ("3 dozen eggs", "3 * 10 = 30", 1),
        ("nothing of the kind", "1 + 1 = 2", 0),
        ("half, and 40 fewer", "", 2),
    ],
)
def test_counts_what_is_unmet(prompt: str, answer: str, unmet: int):
    assert relations.count_unmet(prompt, arithmetic.read(answer).sums) == unmet


@pytest.mark.parametrize(
    ("prompt", "unmet"), [("1.5% of it", 1), ("1.2.3% of it", 1), ("v1 2% of 33%", 2), ("7" * 200_000, 0)]
)
def test_a_percentage_begins_where_its_digits_do(prompt: str, unmet: int):
    """Tried from each of them, a long number would take as long as its length squared."""
    assert relations.count_unmet(prompt, ()) == unmet
