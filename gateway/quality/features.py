"""What the classifier looks at: some seventy numbers about a prompt and an answer, in a fixed order, and hashed words.

No model is asked and nothing is looked up. The general ones (length, hedges, overlap, breaking off) serve any task; the ones about
sums (see `arithmetic`, `derivation`) are claims that can be checked without knowing the answer. The texts themselves are not kept.
"""

from __future__ import annotations

import re
import zlib
from array import array

from gateway.quality import arithmetic, derivation, quantities, relations, signals
from gateway.quality.arithmetic import Reading
from gateway.quality.quantities import Question

BUCKETS = 1024  # of hashed words
_END_CHARACTERS = 4_000  # of each end of a text that are looked at; the middle of a longer one is passed over

_RESULT_MARKS = ("####", "answer is", "\\boxed{")
_HEDGE_WORDS = {
    *("however", "actually", "assume", "assuming", "approximately", "about", "mistake", "seem", "seems", "impossible"),
    *(
        "unclear",
        "cannot",
        "negative",
        "round",
        "rounded",
        "sorry",
        "unfortunately",
        "wait",
        "perhaps",
        "maybe",
        "might",
    ),
}
_HEDGE_PHRASES = ("but since", "not possible", "can't", "could not", "not enough", "not sure", "≈")
_ALGEBRA_WORDS = frozenset(("let", "denote", "equation", "equations", "solve"))
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}")
_ASKED_THING = re.compile(r"how many ([a-z]+?)s?\b")  # "lamp" of "How many lamps are left?"
_FRACTION = re.compile(r"\d\s*/\s*\d")

PROMPT = (
    "prompt_words",
    "prompt_sentences",
    "prompt_numbers",
    "prompt_spelled_numbers",
    "prompt_fractional_numbers",
    "prompt_largest_digits",
    "prompt_percents",
    "prompt_fractions",
    "prompt_lines",
    "prompt_word_length",
    *(f"cue_{cue}" for cue in quantities.CUES),
    "asked_words",
    "asked_numbers",
    "asked_commas",
    "asks_how_many",
    "asks_how_much",
    "asks_average",
    "asks_total",
    "asks_left",
    "asks_more",
    "asks_percent",
)
ANSWER = (
    "answer_characters",
    "answer_lines",
    "answer_to_prompt",
    "words_per_line",
    "repetition",
    "overlap",
    "asked_overlap",
    "hedges",
    "algebra",
    "backslashes",
    "brackets",
    "ifs",
    "refuses",
    "breaks_off",
    "ends_openly",
    "open_note",
    "has_final",
    "final_numbers",
    "final_words",
    "final_is_fractional",
    "final_has_slash",
    "final_is_negative",
    "final_digits",
    "final_follows",
    "final_in_prompt",
    "final_above_all",
    "final_below_all",
    "sums",
    "wrong_sums",
    "wrong_sum_share",
    "notes",
    "wrong_notes",
    "unread_equals",
    "fractional_results",
    "endless_result",
    "negative_results",
    "surprising_fraction",
    "rounded_final",
    "additions",
    "subtractions",
    "multiplications",
    "divisions",
    "operations_to_quantities",
    "sums_to_sentences",
    "ends_with_addition",
    "ends_with_subtraction",
    "ends_with_multiplication",
    "ends_with_division",
    "from_nowhere",
    "from_custom",
    "unused_numbers",
    "unused_share",
    "unused_spelled",
    "unmentioned_numbers",
    "reused_numbers",
    "dangling_results",
    "last_builds_on",
    "unmet_relations",
    "names_mentioned",
    "asked_thing_in_end",
)
NAMES = PROMPT + ANSWER


def extract(prompt: str, answer: str) -> list[float]:
    """The features in the order of NAMES, as single-precision values (what tree learners compare with)."""
    prompt, answer = _ends(prompt), _ends(answer.strip())
    question = quantities.read(prompt)
    return array("f", _of_prompt(prompt, question) + _of_answer(prompt, question, answer)).tolist()


def hashed_words(answer: str) -> dict[int, float]:
    """Weights by bucket of the answer's distinct words, of length 1 as a vector. Digits are no words."""
    buckets = {zlib.crc32(word.encode()) % BUCKETS for word in set(quantities.WORD.findall(_ends(answer).lower()))}
    weight = len(buckets) ** -0.5 if buckets else 0.0
    return dict.fromkeys(buckets, weight)


def _ends(text: str) -> str:
    if len(text) <= 2 * _END_CHARACTERS:
        return text
    return f"{text[:_END_CHARACTERS]}\n{text[-_END_CHARACTERS:]}"


def _of_prompt(prompt: str, question: Question) -> list[float]:
    words, asked = question.words, question.asked
    asked_words = asked.split()
    return [
        len(words) / 10,
        question.sentences,
        len(question.digits),
        len(question.spelled),
        sum(1 for value in question.digits if value % 1),
        len(str(int(max(question.digits)))) if question.digits else 0,
        prompt.count("%"),
        len(_FRACTION.findall(prompt)),
        prompt.count("\n") + 1,
        sum(map(len, words)) / (len(words) or 1),
        *question.cues,
        len(asked_words),
        len(arithmetic.numbers(asked)),
        asked.count(","),
        "how many" in asked,
        "how much" in asked,
        "average" in asked_words,
        "total" in asked_words,
        "left" in asked_words or "remaining" in asked_words or "change" in asked_words,
        "more" in asked_words,
        "percent" in asked or "%" in asked,
    ]


def _of_answer(prompt: str, question: Question, answer: str) -> list[float]:
    lower = answer.lower()
    words = quantities.WORD.findall(lower)
    distinct = set(words)
    prompt_words = set(question.words)
    asked_words = set(quantities.WORD.findall(question.asked))
    reading = arithmetic.read(answer)
    lines = answer.count("\n") + 1
    final_text, final = _final(lower, reading)
    final_numbers = arithmetic.numbers(final_text or "")
    names = set(_NAME.findall(prompt))
    thing = _ASKED_THING.search(question.asked)
    tail_words = set(quantities.WORD.findall(lower[-200:]))
    return [
        len(answer) / 100,
        lines,
        len(answer) / (len(prompt) or 1),
        len(words) / lines,
        len(words) / (len(distinct) or 1),
        len([word for word in words if word in prompt_words]) / (len(words) or 1),
        len(asked_words & tail_words) / (len(asked_words) or 1),
        len([word for word in words if word in _HEDGE_WORDS]) + sum(map(lower.count, _HEDGE_PHRASES)),
        not _ALGEBRA_WORDS.isdisjoint(distinct),
        answer.count("\\"),
        answer.count("("),
        words.count("if"),
        signals.refuses(answer),
        signals.breaks_off(answer),
        bool(answer) and final_text is None and answer[-1] not in ".!?)\"'`}]",
        reading.has_open_note,
        final_text is not None,
        len(final_numbers),
        len(quantities.WORD.findall(final_text or "")),
        final is not None and final % 1 != 0,
        "/" in (final_text or ""),
        "-" in (final_text or ""),
        len(str(int(final))) if final is not None else 0,
        *_of_final(question, reading, final),
        *_of_sums(question, reading, lower.count("="), final),
        *_of_derivation(prompt, question, reading, final),
        len([name for name in names if name in answer]) / (len(names) or 1),
        thing is not None and thing.group(1) in lower[-250:],
    ]


def _final(lower: str, reading: Reading) -> tuple[str | None, float | None]:
    """What the answer names as its result, if it does, and the number: that of the result, else the last one stated."""
    text = None
    at, mark = max([(lower.rfind(mark), mark) for mark in _RESULT_MARKS])
    if at >= 0:
        text = lower[at + len(mark) :].partition("\n")[0].lstrip(": \t")
        text = text.partition("}")[0] if mark == "\\boxed{" else text
    stated = arithmetic.numbers(text) if text else list(reading.numbers[-1:])
    return text, stated[0] if stated else None


def _of_final(question: Question, reading: Reading, final: float | None) -> list[float]:
    if final is None:
        return [0, 0, 0, 0]
    return [
        bool(reading.sums) and arithmetic.agree(final, reading.sums[-1].stated),
        final in question.digits or final in question.spelled,
        bool(question.digits) and final > max(question.digits),
        bool(question.digits) and final < min(question.digits),
    ]


def _of_sums(question: Question, reading: Reading, equals: int, final: float | None) -> list[float]:
    sums = reading.sums
    wrong = sum(1 for stated in sums if not stated.is_right)
    fractional = sum(1 for stated in sums if stated.stated % 1)
    operators = "".join([stated.operators for stated in sums])
    last = sums[-1].operators if sums else ""
    is_fraction_expected = any(value % 1 for value in question.digits) or any(
        question.cues[quantities.CUES.index(cue)] for cue in ("ratio", "average")
    )
    return [
        len(sums),
        wrong,
        wrong / (len(sums) or 1),
        reading.notes,
        reading.wrong_notes,
        equals - len(sums),
        fractional,
        any(stated.value * 100 % 1 > 1e-6 and stated.value % 1 > 1e-9 for stated in sums),
        sum(1 for stated in sums if stated.value < 0),
        fractional > 0 and not is_fraction_expected,
        fractional > 0 and final is not None and final % 1 == 0,
        operators.count("+"),
        operators.count("-"),
        operators.count("*"),
        operators.count("/"),
        len(operators) / (len(question.digits) + len(question.spelled) or 1),
        len(sums) / (question.sentences or 1),
        "+" in last,
        "-" in last,
        "*" in last,
        "/" in last,
    ]


def _of_derivation(prompt: str, question: Question, reading: Reading, final: float | None) -> list[float]:
    traced = derivation.trace(question, reading, final)
    return [
        traced.from_nowhere,
        traced.from_custom,
        traced.unused,
        traced.unused / (len(set(question.digits)) or 1),
        traced.unused_spelled,
        traced.unmentioned,
        traced.reused,
        traced.dangling,
        traced.last_builds_on,
        relations.count_unmet(prompt.lower(), reading.sums),
    ]
