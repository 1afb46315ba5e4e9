"""Each feature says what its name says."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.quality import features

PROMPT = "A shop sells 12 boxes of 3 lamps, twice. Anna buys 5 lamps at 10% off. How many lamps are left?"
ANSWER = "12 * 3 = 36 lamps.\n36 * 2 = 72 lamps.\n72 - 5 = 67 lamps.\n#### 67"


def of(answer: str, prompt: str = PROMPT) -> dict[str, float]:
    return dict(zip(features.NAMES, features.extract(prompt, answer), strict=True))


def test_names_are_each_there_once():
    assert len(set(features.NAMES)) == len(features.NAMES)


def test_a_prompt_is_described():
    seen = of(ANSWER)
    wanted = {
        "prompt_numbers": 4,
        "prompt_spelled_numbers": 1,
        "prompt_percents": 1,
        "prompt_sentences": 3,
        "prompt_largest_digits": 2,
        "asks_how_many": 1,
        "asks_how_much": 0,
        "asks_left": 1,
        "asks_average": 0,
        "asked_words": 5,
        "asked_numbers": 0,
        "cue_rate": 1,
        "cue_less": 1,
    }
    assert {name: seen[name] for name in wanted} == wanted


def test_a_sound_answer_is_described():
    seen = of(ANSWER)
    wanted = {
        "answer_lines": 4,
        "has_final": 1,
        "final_numbers": 1,
        "final_digits": 2,
        "final_follows": 1,
        "final_in_prompt": 0,
        "final_above_all": 1,
        "sums": 3,
        "wrong_sums": 0,
        "multiplications": 2,
        "subtractions": 1,
        "ends_with_subtraction": 1,
        "from_nowhere": 0,
        "unused_numbers": 1,  # the 10 %
        "unmentioned_numbers": 1,
        "dangling_results": 0,
        "breaks_off": 0,
        "refuses": 0,
    }
    assert {name: seen[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("answer", "name", "value"),
    [
        ("12 * 3 = 35\n#### 35", "wrong_sums", 1),
        ("12 * 3 = 35\n#### 35", "wrong_sum_share", 1),
        ("12 * 3 = <<12*3=35>>35", "wrong_notes", 1),
        ("12 * 3 = $<<12*3=3", "open_note", 1),
        ("12 * 3 = 36\n#### 40", "final_follows", 0),
        ("12 * 3 = 36", "has_final", 0),
        ("The answer is 36.", "has_final", 1),
        ("So it is \\boxed{36}.", "has_final", 1),
        ("#### 7 1/2", "final_has_slash", 1),
        ("#### -3", "final_is_negative", 1),
        ("12 / 5 = 2.4\n#### 2.4", "final_is_fractional", 1),
        ("12 / 5 = 2.4\n#### 2", "rounded_final", 1),
        ("10 / 3 = 3.33", "endless_result", 1),
        ("3 - 12 = -9", "negative_results", 1),
        ("12 * 17 = 204", "from_nowhere", 1),
        ("12 * 7 = 84", "from_custom", 1),
        ("12 + 3 = 15\n12 * 3 = 36\n#### 36", "dangling_results", 1),
        ("12 + 12 = 24", "reused_numbers", 1),
        ("12 * 3 = 36\n36 - 5 = 31", "last_builds_on", 1),
        ("12 * 3 = 36\n3 + 5 = 8", "last_builds_on", 0),
        ("12 * 3 = 36", "unmet_relations", 2),
        ("12 * 2 * 0.9 = 21.6", "unmet_relations", 0),
        ("Then Anna has none.", "names_mentioned", 0),
        ("So there is a lamp left.", "asked_thing_in_end", 1),
        ("So there is one left.", "asked_thing_in_end", 0),
        ("#### 5", "final_in_prompt", 1),
        ("#### 2", "final_below_all", 1),
        ("However, this seems unclear.", "hedges", 3),
        ("Let us solve for x.", "algebra", 1),
        ("I cannot provide that.", "refuses", 1),
        ("There are the", "breaks_off", 1),
        ("lamps lamps lamps lamps", "repetition", 4),
        ("lamps shop zebra quartz", "overlap", 0.5),
    ],
)
def test_a_feature_sees_what_it_is_named_for(answer: str, name: str, value: float):
    assert of(answer)[name] == value


def test_a_name_inside_a_sentence_is_looked_for():
    assert of("Bob has 3.", "Then Bob meets Carla. How many?")["names_mentioned"] == 0.5


def test_a_fraction_surprises_only_where_whole_things_are_asked():
    assert of("12 / 5 = 2.4", "12 lamps for 5 people. How many each?")["surprising_fraction"] == 1
    assert of("12 / 5 = 2.4", "What is the average of 12 lamps for 5 people?")["surprising_fraction"] == 0
    assert of("2.5 * 5 = 12.5", "5 bags of 2.5 kg. How much?")["surprising_fraction"] == 0


def test_hashed_words_are_a_vector_of_length_one_that_knows_no_digits():
    words = features.hashed_words("Two lamps, two shops: 12345")
    assert math.isclose(sum(value * value for value in words.values()), 1.0)
    assert words == features.hashed_words("shops lamps TWO 9")
    assert features.hashed_words("123") == {}


def test_the_middle_of_a_very_long_text_is_passed_over():
    assert of("a. " * 100_000)["answer_characters"] == pytest.approx(80.01)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300), st.text(alphabet="0123456789.,+-*/x=()%$<># \nabc²٣", max_size=300))
def test_any_texts_give_finite_numbers(prompt: str, answer: str):
    for one, other in ((prompt, answer), (answer, prompt)):
        values = features.extract(one, other)
        assert len(values) == len(features.NAMES)
        assert all(math.isfinite(value) for value in values)


def test_numbers_past_all_use_are_held():
    assert all(math.isfinite(value) for value in features.extract("9" * 5000, "9" * 5000 + " * 9 = 9"))
