"""What two texts must agree on before an answer to one is given to the other, however similar they are: hard rules, each with a short name.

A guard says no where it *sees* a difference that changes what is asked. What it does not understand is no reason for a veto, except for
`language` and `long_text`: there nothing is known of how far similarity can be trusted, so that both texts must say the same word for word.
A wrong veto costs a call, a wrong hit costs trust: where the two are in doubt, the veto is chosen. Pure; about 100 µs for two questions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from gateway.caching.verify import opposites
from gateway.caching.verify.amounts import UNITS
from gateway.caching.verify.order import is_swapped
from gateway.caching.verify.vocabulary import listed
from gateway.caching.verify.words import Reading, Word

LONG_WORDS = 80  # the verifier is trained on questions of up to 50 words; of longer texts nothing was measured
_LEAST_LETTERS_TO_JUDGE = 6
_WORDS_TO_JUDGE_LANGUAGE = 6
_LEAST_FUNCTION_SHARE = 0.12  # English prose has about half; keywords and telegram style are short
_TYPO_FROM = 6  # letters of a name in which one may be wrong

_NEGATIONS = frozenset(
    listed("""
    not no never none nobody nothing nowhere without cannot cant dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt
    havent hasnt hadnt aint mustnt neednt nor neither unable except excluding
    """)
)
_SYMBOLS = re.compile(r"[<>=≤≥≠^~|*#{}\[\]\\]|(?<=[\d)])\s*[-+/](?=\s*[\d(])|(?<=\s[a-z])\s+[-+/](?=\s+[a-z]\b)", re.I)
_NEITHER_HERE_NOR_THERE = re.compile(r"\bor (?:why |how )?not\b|\bwhy not\b|\b\d{1,4}([/.-])\d{1,2}\1\d{1,4}\b", re.I)
_NOW = frozenset(("today", "this day", "this week", "this month", "this year"))
_SAME_NAMES = {
    alias: names.split("|")[0]
    for names in (
        "usa|us|america|unitedstates|unitedstatesofamerica",
        "uk|unitedkingdom|greatbritain|britain",
        "eu|europeanunion",
        "uae|unitedarabemirates",
        "nyc|newyorkcity|newyork",
        "la|losangeles",
    )
    for alias in names.split("|")
}


def vetoes(asked: Reading, cached: Reading) -> tuple[str, ...]:
    """Names of the guards that say no; none for texts of the same words. Symmetric."""
    if asked.is_same_as(cached):
        return tuple(name for name in _FOR_SAME_WORDS if _GUARDS[name](asked, cached))
    return tuple(name for name, disagree in _GUARDS.items() if disagree(asked, cached))


def _numbers(asked: Reading, cached: Reading) -> bool:
    """Other numbers. "The second" against "the third" counts, "my first" against "my" does not."""
    mine, other = asked.amounts, cached.amounts
    if set(mine.numbers) != set(other.numbers):
        return True
    return bool(mine.ordinals and other.ordinals and mine.ordinals != other.ordinals)


def _units(asked: Reading, cached: Reading) -> bool:
    """The same number with another unit, or other units of the same kind: euros for dollars."""
    mine, other = asked.amounts, cached.amounts
    ours_of, theirs_of = _by_number(mine.amounts), _by_number(other.amounts)
    for number in set(mine.numbers) & set(other.numbers) & ours_of.keys() & theirs_of.keys():
        if ours_of[number].isdisjoint(theirs_of[number]):
            return True
    for measured in {kind for kind, _ in mine.units} & {kind for kind, _ in other.units}:
        ours = {unit for kind, unit in mine.units if kind == measured}
        theirs = {unit for kind, unit in other.units if kind == measured}
        if ours - theirs and theirs - ours:
            return True
    return False


def _by_number(amounts: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for number, unit in amounts:
        found.setdefault(number, set()).add(unit)
    return found


def _dates(asked: Reading, cached: Reading) -> bool:
    """Other months, weekdays, or days relative to now. Without any, now is meant."""
    return asked.amounts.dates - _NOW != cached.amounts.dates - _NOW


def _names(asked: Reading, cached: Reading) -> bool:
    """Each side names something that the other does not know, or one side an address that the other has not."""
    if asked.addresses != cached.addresses:
        return True
    mine, others = _unknown_names(asked, cached), _unknown_names(cached, asked)
    return bool(mine) and bool(others)


def _negation(asked: Reading, cached: Reading) -> bool:
    return _negates(asked) != _negates(cached)


def _opposites(asked: Reading, cached: Reading) -> bool:
    """A word on one side has its opposite on the other, and neither side has both."""
    mine, others = _unscaled(asked, cached), _unscaled(cached, asked)
    stems = {word.stem for word in others}
    if any(not stems.isdisjoint(opposites.of(word.stem)) for word in mine):
        return True
    return _is_prefixed(mine, others, cached) or _is_prefixed(others, mine, asked)


def _is_prefixed(longer: list[Word], shorter: list[Word], other: Reading) -> bool:
    """Whether one of the words is one of the shorter ones, turned round by a prefix. `other`: the text of those, where "non-stop" may stand
    for "nonstop"."""
    plains = {word.plain for word in shorter}
    return any(
        root in plains and word.plain not in other.letters_only
        for word in longer
        for root in opposites.unprefixed(word.plain)
    )


def _order(asked: Reading, cached: Reading) -> bool:
    return is_swapped(asked, cached)


def _symbols(asked: Reading, cached: Reading) -> bool:
    """Other operators: a < b against a > b, and C against C++."""
    return _symbols_of(asked) != _symbols_of(cached)


def _language(asked: Reading, cached: Reading) -> bool:
    """Not English as far as can be seen: the model knows little of it, and of some scripts nothing at all."""
    return not (_is_understood(asked) and _is_understood(cached)) and not asked.is_same_as(cached)


def _long_text(asked: Reading, cached: Reading) -> bool:
    """Longer than what was measured: the words that carry content must be the same ones in the same order."""
    if max(len(asked.words), len(cached.words)) <= LONG_WORDS:
        return False
    return asked.content_stems != cached.content_stems


_GUARDS: dict[str, Callable[[Reading, Reading], bool]] = {
    "numbers": _numbers,
    "units": _units,
    "dates": _dates,
    "names": _names,
    "negation": _negation,
    "opposites": _opposites,
    "order": _order,
    "symbols": _symbols,
    "language": _language,
    "long_text": _long_text,
}
NAMES = tuple(_GUARDS)
_FOR_SAME_WORDS = ("numbers", "units", "symbols")  # signs and separators are no words: -5 and 5, a < b and a > b


def _unknown_names(mine: Reading, other: Reading) -> list[Word]:
    known = {_SAME_NAMES.get(plain, plain) for plain in other.plains}
    joined = {_SAME_NAMES[alias] for alias in _SAME_NAMES if len(alias) > 3 and alias in other.letters_only}
    initials = "".join(word.plain[0] for word in other.words)
    return [
        word
        for word in mine.names
        if not (
            _SAME_NAMES.get(word.plain, word.plain) in known | joined
            or word.stem in other.stem_set
            or (len(word.plain) >= 5 and word.plain in other.letters_only)
            or (word.text.isupper() and 3 <= len(word.plain) <= 6 and word.plain in initials)
            or (len(word.plain) >= _TYPO_FROM and any(_is_typo(word.plain, plain) for plain in other.plains))
            or word.plain in UNITS
            or any(char.isdigit() for char in word.plain)  # a matter of `numbers`
        )
    ]


def _is_typo(word: str, other: str) -> bool:
    """One letter more, less, other, or two swapped."""
    if abs(len(word) - len(other)) > 1 or word[0] != other[0]:
        return False
    at = 0
    while at < min(len(word), len(other)) and word[at] == other[at]:
        at += 1
    left, right = word[at:], other[at:]
    return (
        left[1:] == right[1:]
        or left[1:] == right
        or left == right[1:]
        or (left[:2] == right[1::-1] and left[2:] == right[2:])
    )


def _unscaled(mine: Reading, other: Reading) -> list[Word]:
    """Words that only one side has, but for "how easy", which asks the same as "how hard"."""
    before = ("", *(word.plain for word in mine.words))
    return [
        word for word, lead in zip(mine.words, before, strict=False) if word.plain not in other.plains and lead != "how"
    ]


def _symbols_of(reading: Reading) -> Counter[str]:
    found = Counter(sign.strip() for sign in _SYMBOLS.findall(_NEITHER_HERE_NOR_THERE.sub(" ", reading.text)))
    found.update({word.plain for word in reading.words if word.plain[-1] in "+#"})
    return found


def _negates(reading: Reading) -> bool:
    if reading.plains.isdisjoint(_NEGATIONS):
        return False
    spare = len(_NEITHER_HERE_NOR_THERE.findall(reading.text))
    return sum(word.plain in _NEGATIONS for word in reading.words) > spare


def _is_understood(reading: Reading) -> bool:
    letters = [char for char in reading.text if char.isalpha()]
    if len(letters) >= _LEAST_LETTERS_TO_JUDGE or not all(char.isascii() for char in letters):
        latin = sum(char < "\u0250" for char in letters)
        if latin < 0.8 * len(letters):
            return False
    words = [word for word in reading.words if word.plain.isalpha()]
    if len(words) < _WORDS_TO_JUDGE_LANGUAGE:
        return True
    return sum(not word.is_content for word in words) >= _LEAST_FUNCTION_SHARE * len(words)
