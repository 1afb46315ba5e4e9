"""The numbers, units and dates that a text names, written one way, so that two texts' can be compared.

"1,000", "1000" and "a thousand" are the same number, "Rs.500" and "500 rupees" the same amount, "2024-05-01" and "May 1, 2024" name the
same day. What is written with letters and digits in one ("6s", "B2B") is a number of its own, not a 6 with a unit, unless the unit is
well known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.caching.verify.vocabulary import listed

_NUMBER = re.compile(
    r"(?<![\w,])(?<!\d\.)(?P<minus>[-−](?=\d))?(?P<digits>\d+(?:[,\u00a0 ]\d{3})*(?:[.,]\d+)*|\.\d+)(?P<rest>[^\W\d_][\w]*|%|°\s?[a-z]?)?"
    r"|(?<!\w)(?P<mixed>[^\W\d_]\w*\d\w*)",
    re.I,
)
_UNIT_BEFORE = re.compile(r"([$€£¥₹]|\b(?:rs|usd|eur|gbp|inr))\.?\s?$")
UNIT_CHARACTERS = 8  # as far before a number as one of these stands, and a character
MOST_SPELLED = 8  # words of one number
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_RAW_DATE = re.compile(r"\b\d{1,4}([/-])\d{1,2}\1\d{1,4}\b|\b\d{1,2}\.\d{1,2}\.\d{4}\b")  # "3.1.2" is a version
_LETTERS = re.compile(r"[^\W\d_]+|[$€£¥₹%°]")

_CARDINALS = listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
_SPELLED = (
    {word: value for value, word in enumerate(_CARDINALS) if value > 1}  # "one" is a pronoun more often than a number
    | {word: value * 10 for value, word in enumerate(_TENS, 2)}
    | {"dozen": 12, "half": 0.5, "twice": 2, "double": 2, "triple": 3}
)
_GROUPS = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_GROUPS |= {"lakh": 10**5, "lakhs": 10**5, "crore": 10**7, "crores": 10**7}
_SHORT_GROUPS = {"k": 1_000, "mn": 10**6, "bn": 10**9}
_ORDINALS = dict(
    zip(listed("first second third fourth fifth sixth seventh eighth ninth tenth"), range(1, 11), strict=True)
)
_ORDINAL_ENDINGS = frozenset(("st", "nd", "rd", "th"))

# Every spelling of a unit, by what it measures. The first is its name.
_UNITS = {
    "length": "km kilometer kilometers kilometre kilometres|mi mile miles|m meter meters metre metres|cm centimeter centimeters centimetre"
    " centimetres|mm millimeter millimeters millimetre millimetres|ft foot feet|inch inches|yd yard yards",
    "mass": "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes|g gram grams gramme grammes|mg milligram milligrams|lb lbs pound"
    " pounds|oz ounce ounces|ton tons tonne tonnes",
    "volume": "l liter liters litre litres|ml milliliter milliliters millilitre millilitres|gal gallon gallons|cup cups|pint pints",
    "temperature": "c celsius centigrade|f fahrenheit|kelvin",
    "duration": "s sec secs second seconds|min mins minute minutes|h hr hrs hour hours|day days|week weeks|month months|year years yr yrs"
    " yo|decade decades|century centuries|ms millisecond milliseconds",
    "money": "usd dollar dollars $ bucks|eur euro euros €|gbp quid £ sterling|inr rs rupee rupees ₹|jpy yen ¥|cny yuan rmb|cent cents"
    "|btc bitcoin bitcoins|chf francs",
    "data": "kb kilobyte kilobytes|mb megabyte megabytes|gb gigabyte gigabytes|tb terabyte terabytes|byte bytes|bit bits",
    "speed": "kmh kph kmph|mph|knots",
    "share": "% percent pct percentage",
    "day": "am|pm",
}
UNITS = {
    spelling: (measured, spellings.split()[0])
    for measured, lines in _UNITS.items()
    for spellings in lines.split("|")
    for spelling in spellings.split()
}
# Letters that are units only right after a number: "6 m" but not "I'm". Glued to it ("6s") they are part of a name as often.
_ONLY_AFTER_NUMBERS = frozenset(
    ("m", "g", "l", "c", "f", "s", "h", "min", "mi", "ft", "am", "pm", "second", "day", "foot", "yard", "cup")
)
_NOT_GLUED = frozenset(("m", "g", "c", "f", "s", "h", "l"))
_BEFORE = frozenset(("$", "€", "£", "¥", "₹", "rs", "usd", "eur", "gbp", "inr"))

_MONTHS = listed("january february march april may june july august september october november december")
_MONTH_OF = {name: name[:3] for name in _MONTHS} | {name[:3]: name[:3] for name in _MONTHS} | {"sept": "sep"}
_AMBIGUOUS_MONTHS = frozenset(
    ("may", "march", "mar", "jan", "sep", "dec", "oct", "nov", "feb", "apr", "jun", "jul", "aug")
)
_MONTH_LEADS = frozenset(listed("in since until till by of last next this early late mid during before after"))
_WEEKDAYS = frozenset(listed("monday tuesday wednesday thursday friday saturday sunday"))
_RELATIVE = {
    "today": "today",
    "tonight": "tonight",
    "tomorrow": "tomorrow",
    "yesterday": "yesterday",
    "weekend": "weekend",
}
_RELATIVE_LEADS = frozenset(("last", "next", "previous", "this", "past", "coming"))
_PERIODS = frozenset(
    listed("day week weekend month quarter year night morning evening afternoon summer winter spring autumn season")
)


@dataclass(frozen=True, slots=True)
class Amounts:
    """`numbers` in their order of appearance, as texts written one way; `units` as (what is measured, unit)."""

    numbers: tuple[str, ...]
    amounts: frozenset[tuple[str, str]]  # (number, unit) where a unit stands beside a number
    units: frozenset[tuple[str, str]]
    ordinals: frozenset[int]  # spelled ones; "1st" is among the numbers
    dates: frozenset[str]


def read(text: str) -> Amounts:
    lower = text.lower()
    numbers: list[tuple[int, str]] = []
    amounts: set[tuple[str, str]] = set()
    units: set[tuple[str, str]] = set()
    dates: set[str] = set()
    rest = _take_dates(lower, numbers, dates)
    for found in _NUMBER.finditer(rest):
        if found["mixed"]:
            numbers.append((found.start(), found["mixed"]))
            continue
        _take_number(rest, found, numbers, amounts, units)
    _take_words(text, rest, numbers, amounts, units, dates)
    ordinals = frozenset(_ORDINALS[word] for word in _LETTERS.findall(rest) if word in _ORDINALS)
    numbers.sort()
    return Amounts(
        tuple(number for _, number in numbers), frozenset(amounts), frozenset(units), ordinals, frozenset(dates)
    )


def _take_dates(lower: str, numbers: list[tuple[int, str]], dates: set[str]) -> str:
    """Numeric dates; gives the text with blanks in their places."""
    for found in [*_ISO_DATE.finditer(lower)]:
        year, month, day = map(int, found.groups())
        if 1 <= month <= 12 and 1 <= day <= 31:
            dates.add(_MONTHS[month - 1][:3])
            numbers += [(found.start(), str(year)), (found.end(), str(day))]
            lower = lower[: found.start()] + " " * len(found.group()) + lower[found.end() :]
    for found in [*_RAW_DATE.finditer(lower)]:  # day or month first: nobody knows
        dates.add("-".join(str(int(part)) for part in re.split(r"[/.-]", found.group())))
        lower = lower[: found.start()] + " " * len(found.group()) + lower[found.end() :]
    return lower


def _take_number(
    lower: str,
    found: re.Match[str],
    numbers: list[tuple[int, str]],
    amounts: set[tuple[str, str]],
    units: set[tuple[str, str]],
) -> None:
    value = _value_of(found["digits"])
    glued = (found["rest"] or "").replace(" ", "")
    following = _LETTERS.match(lower, _skip_blanks(lower, found.end()))
    next_word = following.group() if following else ""
    if glued in _SHORT_GROUPS or (next_word in _GROUPS and not glued):
        value *= _SHORT_GROUPS.get(glued) or _GROUPS[next_word]
        after = _LETTERS.match(lower, _skip_blanks(lower, following.end() if following and not glued else found.end()))
        glued, next_word = "", after.group() if after else ""
    elif glued in _ORDINAL_ENDINGS:
        glued = ""
    elif glued and (glued not in UNITS or glued in _NOT_GLUED):
        numbers.append((found.start(), found.group().strip()))  # "6s", "3d": a name
        return
    number = ("-" if found["minus"] else "") + _written(value)
    numbers.append((found.start(), number))
    before = _UNIT_BEFORE.search(lower[max(0, found.start() - UNIT_CHARACTERS) : found.start()])
    for unit in (glued, next_word if not glued else "", before.group(1) if before else ""):
        if unit in UNITS:
            amounts.add((number, UNITS[unit][1]))
            units.add(UNITS[unit])


def _take_words(
    text: str,
    lower: str,
    numbers: list[tuple[int, str]],
    amounts: set[tuple[str, str]],
    units: set[tuple[str, str]],
    dates: set[str],
) -> None:
    """Spelled numbers, units without a number, names of months and days, "last week"."""
    found = list(_LETTERS.finditer(lower))
    words = [match.group() for match in found]
    place = 0
    while place < len(words):
        word = words[place]
        value, length = _spelled(words[place : place + MOST_SPELLED])
        if length:
            number = _written(value)
            numbers.append((found[place].start(), number))
            place += length
            if place < len(words) and words[place] in UNITS:
                amounts.add((number, UNITS[words[place]][1]))
                units.add(UNITS[words[place]])
            continue
        before = words[place - 1] if place else ""
        if word in UNITS and word not in _ONLY_AFTER_NUMBERS and word not in _BEFORE:
            units.add(UNITS[word])
        if word in _MONTH_OF and _is_month(text, lower, found[place], before):
            dates.add(_MONTH_OF[word])
        elif word in _WEEKDAYS or word.rstrip("s") in _WEEKDAYS:
            dates.add(word.rstrip("s"))
        elif word in _RELATIVE:
            dates.add(_RELATIVE[word])
        if before in _RELATIVE_LEADS and word in _PERIODS | _WEEKDAYS | _MONTH_OF.keys():
            lead = "last" if before in ("previous", "past") else "next" if before == "coming" else before
            dates.add(f"{lead} {word}")
        place += 1


def _spelled(words: list[str]) -> tuple[float, int]:
    """The number that these words begin with, and how many of them it takes."""
    total, taken = 0.0, 0
    current: float | None = None
    for word in words[:MOST_SPELLED]:
        if word in _SPELLED:
            value = float(_SPELLED[word])
            current = value if current is None else current + value if current >= 20 > value else current
        elif word in _GROUPS and (current is not None or not taken):
            current = (current if current is not None else 1.0) * _GROUPS[word]
            if _GROUPS[word] >= 1_000:
                total, current = total + current, 0.0
        else:
            break
        taken += 1
    return total + (current or 0.0), taken


def _is_month(text: str, lower: str, found: re.Match[str], before: str) -> bool:
    word = found.group()
    if word not in _AMBIGUOUS_MONTHS:
        return True
    near = lower[max(0, found.start() - 6) : found.end() + 6]
    if any(char.isdigit() for char in near):
        return True
    return text[found.start() : found.start() + 1].isupper() and before in _MONTH_LEADS


def _value_of(digits: str) -> float:
    """Of digits with separators: a comma or blank before three digits groups, a dot or comma before others is decimal."""
    compact = re.sub(r"[,\u00a0 ](?=\d{3}(?:\D|$))", "", digits)
    if compact.count(".") > 1:  # a version or an address: no number, but told apart by its digits
        return float("".join(part.zfill(3) for part in compact.replace(",", ".").split("."))[:15])
    try:
        return float(compact.replace(",", "."))
    except ValueError:
        return float(re.sub(r"\D", "", digits)[:15] or 0)


def _written(value: float) -> str:
    return f"{value:.10g}"


def _skip_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " -\u00a0":
        place += 1
    return place
