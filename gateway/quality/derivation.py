"""How an answer's sums hang together: do they use what the question gives, and does each lead on to the next?"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gateway.quality import arithmetic
from gateway.quality.arithmetic import Reading
from gateway.quality.quantities import Question

# Numbers that need no source: one and two, percent; and those of calendars and clocks, which are counted apart.
_FREE = frozenset((1.0, 2.0, 100.0))
_COMMON = frozenset((3.0, 4.0, 5.0, 7.0, 10.0, 12.0, 24.0, 30.0, 52.0, 60.0, 365.0))


@dataclass(frozen=True, slots=True)
class Derivation:
    from_nowhere: int  # operands that are neither given, nor a result so far, nor common
    from_custom: int  # operands that the question does not give but everybody knows (7 days, 12 months)
    unused: int  # numbers of the question, in digits, that no sum uses
    unused_spelled: int
    unmentioned: int  # numbers of the question that the answer does not state at all
    reused: int  # uses of a given number beyond how often it is given
    dangling: int  # results that neither a later sum nor the final number takes up
    last_builds_on: int  # operands of the last sum that are results of earlier ones


def trace(question: Question, reading: Reading, final: float | None) -> Derivation:
    given = set(question.digits)
    given_words = set(question.spelled)
    results: list[float] = []
    open_results: list[float] = []  # not taken up yet
    uses: Counter[float] = Counter()
    from_nowhere = from_custom = builds_on = 0
    for stated in reading.sums:
        builds_on = 0
        for operand in stated.operands:
            uses[operand] += 1
            builds_on += any(arithmetic.agree(operand, result) for result in results)
            taken = [result for result in open_results if arithmetic.agree(operand, result)]
            for result in taken:
                open_results.remove(result)
            if taken or operand in given or operand in given_words or operand in _FREE:
                continue
            if operand * 100 in given or operand / 100 in given or _is_near(operand, results):
                continue
            if operand in _COMMON:
                from_custom += 1
            else:
                from_nowhere += 1
        results.append(stated.stated)
        open_results.append(stated.stated)
    stated_numbers = set(reading.numbers)
    return Derivation(
        from_nowhere=from_nowhere,
        from_custom=from_custom,
        unused=_count_missing(given, uses),
        unused_spelled=_count_missing(given_words, uses),
        unmentioned=_count_missing(given, stated_numbers),
        reused=sum(uses[value] - count for value, count in _counts(question).items() if uses[value] > count),
        dangling=sum(1 for result in open_results if final is None or not arithmetic.agree(final, result)),
        last_builds_on=builds_on,
    )


def _counts(question: Question) -> dict[float, int]:
    """How often each number in digits is given, in digits or words."""
    counts = Counter(question.digits)
    for value in question.spelled:
        if value in counts:
            counts[value] += 1
    return counts


def _count_missing(wanted: set[float], present: Counter[float] | set[float]) -> int:
    return sum(1 for value in wanted if value not in present and value / 100 not in present)


def _is_near(operand: float, results: list[float]) -> bool:
    return any(abs(operand - result) < 0.011 for result in results)
