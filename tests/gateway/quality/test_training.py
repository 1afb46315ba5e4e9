"""A model is trained with scikit-learn, kept as plain numbers, and scores the same from them."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from gateway.quality import classifier, features, measuring, training
from gateway.quality.threshold import Scored
from gateway.quality.training import Row
from tests.gateway.quality.samples import rows


@pytest.fixture(scope="module")
def labelled() -> list[Row]:
    return rows(160)


@pytest.fixture(scope="module")
def payload(labelled: list[Row]) -> dict[str, Any]:
    return training.fit(labelled)


def test_plain_numbers_score_as_scikit_learn_does(labelled: list[Row], payload: dict[str, Any]):
    values = np.array([features.extract(row.prompt, row.answer) for row in labelled])
    words = np.zeros((len(labelled), features.BUCKETS))
    for place, row in enumerate(labelled):
        for bucket, value in features.hashed_words(row.answer).items():
            words[place, bucket] = value
    good = np.array([row.is_good for row in labelled], dtype=float)
    trees = ExtraTreesClassifier(
        training.TREES,
        min_samples_leaf=training.ROWS_PER_LEAF,
        max_leaf_nodes=training.LEAVES,
        max_features=0.5,
        random_state=0,
    ).fit(values, good)
    scale = values.std(axis=0)
    scale[scale < 1e-9] = 1.0
    table = np.hstack([(values - values.mean(axis=0)) / scale, words * training.WORD_SCALE])
    regression = LogisticRegression(C=training.INVERSE_PENALTY, max_iter=5000).fit(table, good)
    share = classifier.TREE_SHARE
    expected = share * trees.predict_proba(values)[:, 1] + (1 - share) * regression.predict_proba(table)[:, 1]
    model = classifier.parse(payload)
    blended = [
        model.blended(values[place].tolist(), features.hashed_words(row.answer)) for place, row in enumerate(labelled)
    ]
    assert np.abs(np.array(blended) - expected).max() < 1e-9
    assert expected.std() > 0.1  # there is something to agree on


def test_a_payload_survives_json(labelled: list[Row], payload: dict[str, Any]):
    kept = classifier.parse(json.loads(json.dumps(payload)))
    made = classifier.parse(payload)
    assert [kept.probability(row.prompt, row.answer) for row in labelled] == [
        made.probability(row.prompt, row.answer) for row in labelled
    ]


def test_training_twice_gives_the_same_numbers(labelled: list[Row], payload: dict[str, Any]):
    assert training.fit(labelled) == payload


def test_it_tells_right_sums_from_wrong_ones_it_has_not_seen(payload: dict[str, Any]):
    model = classifier.parse(payload)
    right = model.probability("5 boxes of 7 lamps. How many lamps?", "5 * 7 = 35 lamps.\n#### 35")
    wrong = model.probability("5 boxes of 7 lamps. How many lamps?", "5 * 7 = 45 lamps.\n#### 45")
    assert right > 0.7
    assert wrong < 0.3


def test_weights_count():
    contested = [Row(f"Say {n}.", "Yes.", n % 2 == 0, 9.0 if n % 2 == 0 else 1.0) for n in range(80)]
    model = classifier.parse(training.fit(contested))
    assert model.probability("Say it.", "Yes.") > 0.7


def test_one_kind_of_answer_teaches_nothing():
    with pytest.raises(ValueError, match="both good and bad"):
        training.fit([Row("p", "a", True)] * 50)


def test_each_row_is_scored_by_a_model_that_has_not_seen_its_prompt():
    one_prompt = [Row("The same?", f"Answer {n}.", n % 3 > 0) for n in range(30)]
    labelled = [*rows(60), *one_prompt]
    folds = list(training.folds(labelled))
    tested = [place for fold in folds for place in fold.tested]
    assert sorted(tested) == list(range(90))
    with_it = [fold for fold in folds if set(fold.tested) & set(range(60, 90))]
    assert len(with_it) == 1
    assert set(range(60, 90)) <= set(with_it[0].tested)


def test_cross_validated_probabilities_are_calibrated_and_rank(labelled: list[Row]):
    scored = training.cross_scored(labelled)
    assert [one.is_good for one in scored] == [row.is_good for row in labelled]
    found = measuring.measure(scored)
    assert found.auc is not None
    assert found.auc > 0.95
    assert found.brier < 0.08


def test_columns_can_be_left_out(labelled: list[Row]):
    model = classifier.parse(training.fit(labelled, columns=features.PROMPT, has_words=False))
    row = labelled[0]
    assert model.probability(row.prompt, "anything") == model.probability(row.prompt, row.answer)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"features": ["no_such_feature"]},
        {"features": []},
        {"trees": []},
        {"linear": {}},
        {"linear": {"weights": [1.0], "bias": 0, "words": [1.0]}},
        {"calibration": [1.0]},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_payload_of_another_version_is_refused(payload: dict[str, Any], change: dict[str, Any]):
    with pytest.raises(classifier.UnusableModelError):
        classifier.parse(payload | change)


def test_measures_as_scikit_learn_does():
    chance = np.random.default_rng(1)
    probabilities = chance.random(200).round(1)  # with ties
    good = chance.random(200) < probabilities
    found = measuring.measure([Scored(float(p), bool(g)) for p, g in zip(probabilities, good, strict=True)])
    assert found.auc == pytest.approx(roc_auc_score(good, probabilities), abs=1e-12)
    assert found.brier == pytest.approx(((probabilities - good) ** 2).mean(), abs=1e-12)
    assert measuring.measure([Scored(0.5, True)]).auc is None


def test_scoring_loads_neither_django_nor_scikit_learn():
    code = (
        "import sys; from gateway.quality import classifier, shipped, signals, threshold\n"
        "print(classifier.parse(shipped.read()['payload']).probability('1 + 1?', '1 + 1 = 2'))\n"
        "print([name for name in ('django', 'sklearn', 'numpy', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    probability, loaded = done.stdout.splitlines()
    assert 0 < float(probability) < 1
    assert loaded == "[]"


def test_the_shipped_model_is_small_and_holds_no_texts():
    from gateway.quality import shipped

    assert shipped.PATH.stat().st_size < 300_000
    content = shipped.read()
    assert content["payload"]["features"] == list(features.NAMES)
    assert content["rows"] == len(content["scores"])

    def texts(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for one in value.values() for text in texts(one)]
        if isinstance(value, list):
            return [text for one in value for text in texts(one)]
        return [value] if isinstance(value, str) else []

    assert set(texts(content)) == set(features.NAMES)
