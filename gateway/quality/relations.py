"""What a question says about its numbers ("6 fewer", "half of", "20 %"), and whether an answer's sums do something of the kind.

A relation is unmet if no sum uses its number with a fitting operator. That is no proof of a mistake: it is counted, not judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.quality import arithmetic
from gateway.quality.arithmetic import Sum
from gateway.quality.quantities import NUMBER_WORDS

_WORDS = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty"
_COMPARED = re.compile(
    rf"\b(\d+(?:,\d{{3}})*(?:\.\d+)?|{_WORDS})(?! percent)(?:[ -]\w+){{0,2}} "
    r"(fewer|less|more|older|taller|longer|greater|extra|additional)\b"
)
_PERCENT = re.compile(r"(?<!\d)(\d+(?:\.\d+)?) ?(?:%|percent)")  # not tried again within the same digits
_PART = re.compile(
    r"\b(twice|doubled?|half|triple|dozen|(?:one|two|three|four|a)[ -](?:third|quarter|fourth|fifth)s?)\b"
)
_LESS = frozenset(("fewer", "less"))
_DIVISORS = {"third": 3.0, "quarter": 4.0, "fourth": 4.0, "fifth": 5.0}


def count_unmet(prompt: str, sums: Sequence[Sum]) -> int:
    """How many relations of a lower-case prompt the sums leave unmet."""
    used: dict[float, str] = {}  # operators that stand in a sum with the number
    for one in sums:
        for operand in one.operands:
            used[operand] = used.get(operand, "") + one.operators
    unmet = 0
    for number, relation in _COMPARED.findall(prompt):
        operators = used.get(_value(number), "")
        unmet += "-" not in operators and (relation in _LESS or "+" not in operators)
    for number in _PERCENT.findall(prompt):
        unmet += not _uses_percent(float(number), used)
    for part in set(_PART.findall(prompt)):
        unmet += not _uses_part(part, used, sums)
    return unmet


def _value(number: str) -> float:
    return NUMBER_WORDS[number] if number in NUMBER_WORDS else arithmetic.number(number)


def _uses_percent(percent: float, used: dict[float, str]) -> bool:
    share = percent / 100
    wanted = (percent, share, 1 - share, 1 + share, 100 - percent, 100 + percent)
    if any(abs(operand - value) < 1e-6 for operand in used for value in wanted):
        return True
    return percent > 0 and 100 / percent in used  # 25 % as a quarter


def _uses_part(part: str, used: dict[float, str], sums: Sequence[Sum]) -> bool:
    if part == "half":
        return "/" in used.get(2.0, "") or 0.5 in used or 1.5 in used or 50.0 in used
    if part == "dozen":
        return 12.0 in used
    if part in ("twice", "double", "doubled"):
        return bool(set("*/") & set(used.get(2.0, ""))) or any(
            len(one.operands) == 2 and one.operands[0] == one.operands[1] for one in sums
        )
    if part == "triple":
        return bool(set("*/") & set(used.get(3.0, "")))
    return "/" in used.get(_DIVISORS[part.split()[-1].split("-")[-1].rstrip("s")], "")
