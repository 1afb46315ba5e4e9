"""The quantities and cues of a question: which numbers it gives, in digits or words, and how it relates them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.quality import arithmetic

# Words that give a number. Those of which a text says "one of them" or "a third person" are left out.
NUMBER_WORDS = {
    "two": 2.0,
    "three": 3.0,
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "nine": 9.0,
    "ten": 10.0,
    "eleven": 11.0,
    "twelve": 12.0,
    "thirteen": 13.0,
    "fourteen": 14.0,
    "fifteen": 15.0,
    "sixteen": 16.0,
    "seventeen": 17.0,
    "eighteen": 18.0,
    "nineteen": 19.0,
    "twenty": 20.0,
    "thirty": 30.0,
    "forty": 40.0,
    "fifty": 50.0,
    "sixty": 60.0,
    "seventy": 70.0,
    "eighty": 80.0,
    "ninety": 90.0,
    "hundred": 100.0,
    "thousand": 1000.0,
    "dozen": 12.0,
    "twice": 2.0,
    "double": 2.0,
    "doubled": 2.0,
    "half": 2.0,
    "triple": 3.0,
    "thirds": 3.0,
    "quarter": 4.0,
    "quarters": 4.0,
    "fourths": 4.0,
    "fifths": 5.0,
    "tenth": 10.0,
}

# How the parts of a question hang together; each kind is counted.
_CUES = {
    "rate": "each every per times twice double doubles triple dozen dozens",
    "less": "less fewer left lost gave spent minus loses sold ate used difference change away",
    "more": "more additional extra another added plus gains older taller increase increased",
    "ratio": "half third thirds quarter quarters fourth fourths fifth fifths ratio fraction percent percentage",
    "total": "total altogether all combined together sum",
    "average": "average mean equally split divided share",
    "time": "day days week weeks month months year years hour hours minute minutes",
    "money": "dollar dollars cost costs price paid pay cents profit discount tax sale",
    "condition": "if after before then until when already unless except only",
    "rest": "rest remaining remainder others other",
    "comparison": "than as same",
}
CUES = tuple(_CUES)
_CUE_OF = {word: place for place, words in enumerate(_CUES.values()) for word in words.split()}

WORD = re.compile(r"[a-z]+")
_SENTENCE_END = re.compile(r"[.?!]\s+")


@dataclass(frozen=True, slots=True)
class Question:
    """What a prompt gives: its words in order, numbers in digits and in words, counts of cues, and its last question."""

    words: list[str]
    digits: list[float]
    spelled: list[float]
    cues: list[int]  # in the order of CUES
    sentences: int
    asked: str  # the last sentence that ends in a question mark, else the last one; lower case


def read(prompt: str) -> Question:
    lower = prompt.lower()
    words = WORD.findall(lower)
    cues = [0] * len(CUES)
    spelled = []
    for word in words:
        if word in _CUE_OF:
            cues[_CUE_OF[word]] += 1
        if word in NUMBER_WORDS:
            spelled.append(NUMBER_WORDS[word])
    sentences = _SENTENCE_END.split(lower.strip())
    return Question(words, arithmetic.numbers(prompt), spelled, cues, len(sentences), _asked(lower, sentences))


def _asked(lower: str, sentences: list[str]) -> str:
    end = lower.rfind("?")
    if end < 0:
        return sentences[-1]
    return _SENTENCE_END.split(lower[:end])[-1]
