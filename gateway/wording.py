"""Sentences for people, from code that knows no Django: whole, with named places, so that each language may put them in its own order.

`gettext` and `ngettext` are called where a sentence is made, as Django's are, and marked by the same names. Whoever knows in which language
to speak says so once (`speak`); until then it is English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Translate = Callable[[str], str]
Count = Callable[[str, str, int], str]


def _as_it_stands(text: str) -> str:
    return text


def _in_english(one: str, several: str, number: int) -> str:
    return one if number == 1 else several


_translate: Translate = _as_it_stands
_count: Count = _in_english


def speak(translate: Translate, count: Count) -> None:
    """From now on, sentences are made with these."""
    global _translate, _count
    _translate, _count = translate, count


def gettext(text: str) -> str:
    return _translate(text)


def ngettext(one: str, several: str, number: int) -> str:
    return _count(one, several, number)


def either(words: Iterable[str]) -> str:
    """“a”, “a or b”, “a, b or c”, in order of the alphabet."""
    return _listed(words, gettext("%(first)s or %(last)s"))


def both(words: Iterable[str]) -> str:
    """“a”, “a and b”, “a, b and c”, in order of the alphabet."""
    return _listed(words, gettext("%(first)s and %(last)s"))


def _listed(words: Iterable[str], last_two: str) -> str:
    items = sorted(words)
    if len(items) < 2:
        return "".join(items)
    return last_two % {"first": ", ".join(items[:-1]), "last": items[-1]}
