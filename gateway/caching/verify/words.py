"""How a text is read before two are compared: its words, what they are at the root, which of them carry the content, which look like names.

English is what it knows. Of other languages every word is a content word, which makes whatever compares them stricter.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from gateway.caching.verify import amounts
from gateway.caching.verify.amounts import Amounts
from gateway.caching.verify.vocabulary import listed

# Apostrophes and the dots of abbreviations belong to a word; "C++" and "C#" are words of their own.
_WORD = re.compile(r"[^\W\d_](?:\+\+|#)(?!\w)|(?:[^\W\d_]\.){2,}|[^\W_]+(?:['’ʼ][^\W_]+)*")
_SENTENCE_END = ".!?:;\n…。！？"
_QUOTED = re.compile(r"(?<![\"“”«»„‟])[\"“”«»„‟]++([^\"“”«»„‟\n]{1,80})[\"“”«»„‟]+")
# Web addresses, e-mail addresses, files, paths, versions: things with a dot, an at sign or slashes inside. Each part is bounded, so that a
# text that goes on like the beginning of one is not read to its end from each of its words.
_ADDRESS = re.compile(
    r"(?<![\w@/.])(?:https?://\S+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}|\w[\w-]{0,62}(?:\.[a-z]\w+)+(?:/[\w./-]*)?)",
    re.I,
)

FUNCTION_WORDS = frozenset(
    listed("""
    a an the is are was were be been being am do does did doing done have has had having i you he she it we they me him her us them my your
    his its our their mine yours hers ours theirs myself yourself himself herself itself ourselves themselves this that these those there
    here of in on at to for from with by about into onto as and or but if so than then too very can could will would shall should may might
    must what which who whom whose when where why how some any all one ones get got also just im ive id ill youre youve hes shes its were
    theyre thats theres whats hows whos wheres isnt arent wasnt werent dont doesnt didnt cant cannot couldnt wont wouldnt shouldnt havent
    hasnt hadnt aint not no nor please s t d m re ve ll
    """)
)
QUESTION_WORDS = frozenset(listed("what which who whom whose when where why how"))
_SUFFIXES = (
    ("ies", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("edly", ""),
    ("ed", ""),
    ("es", ""),
    ("'s", ""),
    ("s", ""),
    ("ly", ""),
)


@dataclass(frozen=True, slots=True)
class Word:
    """`plain` is lower case without accents and apostrophes; `stem` is what is left of that without the commonest endings."""

    text: str
    plain: str
    stem: str
    start: int
    end: int
    is_content: bool
    is_name: bool


@dataclass(frozen=True)
class Reading:
    """A text and its words in order."""

    text: str
    words: tuple[Word, ...]

    @cached_property
    def stems(self) -> tuple[str, ...]:
        return tuple(word.stem for word in self.words)

    @cached_property
    def plains(self) -> frozenset[str]:
        return frozenset(word.plain for word in self.words)

    @cached_property
    def stem_set(self) -> frozenset[str]:
        return frozenset(self.stems)

    @cached_property
    def content(self) -> tuple[Word, ...]:
        """Words that carry content; all of them if none does."""
        return tuple(word for word in self.words if word.is_content) or self.words

    @cached_property
    def content_stems(self) -> tuple[str, ...]:
        return tuple(word.stem for word in self.words if word.is_content)

    @cached_property
    def names(self) -> tuple[Word, ...]:
        return tuple(word for word in self.words if word.is_name)

    @cached_property
    def addresses(self) -> frozenset[str]:
        return frozenset(found.group().lower().rstrip(".,;:/") for found in _ADDRESS.finditer(self.text))

    @cached_property
    def amounts(self) -> Amounts:
        return amounts.read(self.text)

    @cached_property
    def letters_only(self) -> str:
        """All letters and digits in a row, so that "e-mail" is found in "email"."""
        return "".join(word.plain for word in self.words)

    def is_same_as(self, other: Reading) -> bool:
        """Whether both have the same words in the same order, whatever their case, accents and punctuation."""
        return [word.plain for word in self.words] == [word.plain for word in other.words]


def read(text: str) -> Reading:
    found = list(_WORD.finditer(text))
    has_case = _tells_names_by_case(found)
    quoted = [match.span(1) for match in _QUOTED.finditer(text)]
    words = []
    for match in found:
        written = match.group()
        plain = _plain(written)
        is_content = plain not in FUNCTION_WORDS
        is_quoted = any(start <= match.start() < end for start, end in quoted)
        is_name = is_content and (is_quoted or (has_case and _looks_like_a_name(written, is_first=_opens(text, match))))
        words.append(Word(written, plain, stem(plain), match.start(), match.end(), is_content, is_name))
    return Reading(text, tuple(words))


def stem(plain: str) -> str:
    """The word without its commonest ending: enough to find "banks" in "banking", no linguistics."""
    for suffix, instead in _SUFFIXES:
        if plain.endswith(suffix) and len(plain) - len(suffix) >= 3:
            plain = plain[: -len(suffix)] + instead
            break
    if plain.endswith("e") and len(plain) > 3:
        plain = plain[:-1]
    return plain


def _plain(written: str) -> str:
    lower = written.lower()
    if not lower.isascii():
        lower = "".join(
            char for char in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(char)
        ).casefold()
    return lower.replace("'", "").replace("’", "").replace("ʼ", "").replace(".", "") or lower


def _opens(text: str, match: re.Match[str]) -> bool:
    """Whether the word is the first of a sentence or line, where a capital says nothing."""
    before = text[max(0, match.start() - 4) : match.start()].rstrip(" \t\"'“”‘’(*-#>")
    return match.start() == 0 or not before or before[-1] in _SENTENCE_END


def _tells_names_by_case(found: list[re.Match[str]]) -> bool:
    """Whether capitals mark names here: not in a text all in capitals, or in Title Case, where even its short words have them."""
    words = [match.group() for match in found if match.group()[0].isalpha()]
    function = [word for word in words[1:] if word.lower() in FUNCTION_WORDS and word != "I"]
    if function:
        return sum(word[0].isupper() for word in function) * 2 < len(function)
    capitals = sum(word[0].isupper() for word in words)
    return len(words) < 4 or capitals * 2 <= len(words) + 1


def _looks_like_a_name(written: str, *, is_first: bool) -> bool:
    """Capitalised inside a sentence, or with a capital or several inside the word ("iPhone", "NHS")."""
    if any(char.isupper() for char in written[1:]):
        return True
    return not is_first and written[0].isupper()
