"""The sums that a text states, and whether they are right. Reads and reckons; what a wrong one means is decided elsewhere.

A sum is "a op b ... = c", also with units and currency between ("3 boxes x $4 = $12"), chained ("a + b = c = d") and in the
calculator notation <<a*b=c>>. Nothing is executed: a small parser knows numbers, + - * / ^, percent and parentheses.
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

_NOTE = re.compile(r"<<([^<>\n]*)>>")
_SEGMENT_END = re.compile(r"\n|[.;:?!](?=\s|$)")
_TIMES = re.compile(r"[xX](?<!\w[xX])(?=\s+[\d($]|[($])")
_ALGEBRA = re.compile(r"\d[a-zA-Z]\b")  # "2x + 8 = 22" states an equation, not a sum
# "(for the milk)", and with numbers in it only after what it remarks on: "50 (from day 1 and 2)"
_REMARK = re.compile(r"\((?:[^()\d]*\)|(?:(?<=[\w%]\()|(?<=[\w%] \())[^()=]*[A-Za-z]{2}[^()=]*\))")
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?|\.\d+")
# A slash or hyphen next to a letter joins words ("miles/hour", "two-thirds").
_PART = re.compile(
    r"\d+(?:,\d{3})*(?:\.\d+)?|\.\d+|\bof(?=\s+(?:the\s+)?\$?\d)|\b[A-Za-z]\b|(?<![A-Za-z])[-−–/](?![A-Za-z])|[+*()%^÷,]"
)
_OPERATORS = {"+": "+", "-": "-", "−": "-", "–": "-", "*": "*", "/": "/", "÷": "/", "^": "^"}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}
_MOST_PARTS = 80  # a longer run is left unread
_MOST_SUMS = 100  # of a text; later ones are left unread
_LARGEST = 1e15


@dataclass(frozen=True, slots=True)
class Sum:
    """One stated sum: the numbers and operators of its left side, what was stated, and what the left side comes to."""

    operands: tuple[float, ...]
    operators: str
    stated: float
    value: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The sums of a text in order, the numbers it states outside the calculator notation, and how its notes fared."""

    sums: tuple[Sum, ...]
    numbers: tuple[float, ...]
    notes: int
    wrong_notes: int
    has_open_note: bool  # broken off inside <<


def agree(stated: float, value: float) -> bool:
    """Whether two numbers are the same but for rounding."""
    return abs(stated - value) <= max(0.006, abs(value) * 0.002)


def _is_same(claimed: float, value: float) -> bool:
    """The same number, or the same share written in percent on one side."""
    return agree(claimed, value) or agree(claimed, value * 100) or agree(claimed * 100, value)


def numbers(text: str) -> list[float]:
    """Every number written in digits, in order."""
    return [number(found) for found in _NUMBER.findall(text)]


def number(text: str) -> float:
    """The number that digits with thousands separators stand for; one that is past all use is held at the largest."""
    return min(float(text.replace(",", "") if "," in text else text), _LARGEST)


def read(text: str) -> Reading:
    """The first hundred sums. Linear in the length; never raises."""
    notes = wrong_notes = 0
    has_open_note = False
    if "<<" in text:
        found = _NOTE.findall(text)
        notes = len(found)
        wrong_notes = sum(
            1 for note in found if not all(stated.is_right for stated in _sums_of(note.replace("\\", "")))
        )
        text = _NOTE.sub("", text)
        cut = text.rfind("<<")
        if cut >= 0:
            has_open_note = "\n" not in text[cut:]
            text = text[:cut] if has_open_note else text
    text = _TIMES.sub("*", text.replace("\\*", "*").replace("×", "*"))
    if "(" in text:
        text = _REMARK.sub("", text)
    sums: list[Sum] = []
    for segment in _SEGMENT_END.split(text):
        if "=" in segment and len(sums) < _MOST_SUMS and not _ALGEBRA.search(segment):
            sums += _sums_of(segment)
    return Reading(tuple(sums[:_MOST_SUMS]), tuple(numbers(text)), notes, wrong_notes, has_open_note)


def _sums_of(segment: str) -> list[Sum]:
    sums = []
    for left, right in itertools.pairwise([_runs(side) for side in segment.split("=")]):
        if not left or not right or left[-1][-1] in _PRECEDENCE:
            continue  # what is to be added to, or times what, is not a number
        expression, stated = left[-1], _trimmed(right[0])
        operands = tuple([part for part in expression if type(part) is float])
        if len(operands) < 2:
            continue
        value, claimed = evaluate(expression), evaluate(stated)
        if value is None or claimed is None:
            continue
        operators = "".join([part for part in expression if type(part) is str and part in _PRECEDENCE])
        # In "8 + 2 = 10 - 3 = 7", a run-on, 10 is what the first sum states.
        is_right = _is_same(claimed, value) or (isinstance(stated[0], float) and agree(stated[0], value))
        sums.append(Sum(operands, operators, claimed, value, is_right))
    return sums


def _runs(side: str) -> list[list[float | str]]:
    """The expressions in one side of an equals sign: numbers joined by operators, with words between passed over."""
    runs: list[list[float | str]] = []
    run: list[float | str] = []
    is_share = False
    for word in _PART.findall(side):
        first = word[0]
        if first.isdigit() or first == ".":
            if run and (isinstance(run[-1], float) or run[-1] == ")"):
                runs.append(run)
                run = []
            run.append(number(word))
            is_share = False
        elif word in _OPERATORS:
            if run and (isinstance(run[-1], float) or run[-1] == ")"):
                run.append(_OPERATORS[word])
            elif run and run[-1] != "(":
                run[-1] = _OPERATORS[word]  # "$30 / bag x 5"
            elif first in "-−–":
                run.append("-")
        elif first == "(":
            if run and (isinstance(run[-1], float) or run[-1] == ")"):
                runs.append(run)
                run = []
            run.append("(")
        elif first == ")":
            run.append(")")
        elif first == "%":
            if run and isinstance(run[-1], float):
                run[-1] /= 100
                is_share = True
        elif word == "of" and run and (is_share or run[-2:-1] == ["/"]) and isinstance(run[-1], float):
            run.append("*")
        elif word == ",":
            if run:
                runs.append(run)
            run = []
        elif len(word) == 1 and word not in "aAI":  # a variable: an equation, not a sum
            return []
    if run:
        runs.append(run)
    return [run for run in runs if len(run) <= _MOST_PARTS and any(isinstance(part, float) for part in run)]


def _trimmed(run: list[float | str]) -> list[float | str]:
    """The run without operators that hang at its end."""
    end = len(run)
    while isinstance(run[end - 1], str) and run[end - 1] != ")" and end > 1:
        end -= 1
    return run[:end]


_APPLY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def evaluate(parts: list[float | str]) -> float | None:
    """What the expression comes to; None if it is not one, divides by zero or grows past all use."""
    if len(parts) == 1:
        return parts[0] if isinstance(parts[0], float) else None
    values: list[float] = []
    pending: list[str] = []
    is_value_next = True
    try:
        for part in parts:
            if isinstance(part, float):
                values.append(part)
                is_value_next = False
            elif part == "(":
                pending.append(part)
            elif part == ")":
                while pending[-1] != "(":
                    _reduce(values, pending)
                pending.pop()
                is_value_next = False
            else:
                if is_value_next:
                    values.append(0.0)  # a sign: 0 - x
                while pending and pending[-1] != "(" and _PRECEDENCE[pending[-1]] >= _PRECEDENCE[part]:
                    _reduce(values, pending)
                pending.append(part)
                is_value_next = True
        while pending:
            _reduce(values, pending)
    except (IndexError, KeyError, ZeroDivisionError, OverflowError, ValueError):
        return None
    return values[0] if len(values) == 1 else None


def _reduce(values: list[float], pending: list[str]) -> None:
    right, left, name = values.pop(), values.pop(), pending.pop()
    if name == "^":
        if abs(right) > 64 or abs(left) > 1e6 or (left < 0 and right != int(right)):
            raise ValueError("too large a power")
        result = left**right
    else:
        result = _APPLY[name](left, right)
    if abs(result) > _LARGEST:
        raise OverflowError("past all use")
    values.append(result)
