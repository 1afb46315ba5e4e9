"""A verifier is trained with scikit-learn, kept as plain numbers, and scores the same from them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, GradientBoostingClassifier

from gateway.caching.verify import features, learning, learnt, reading, scorer, thresholds, training
from gateway.caching.verify.training import Pair, Trained
from gateway.scoring.logistic import log_odds_of
from tests.gateway.caching.verify import samples


@pytest.fixture(scope="module")
def made() -> Trained:
    return training.fit(samples.table(), inner_folds=2)


def test_plain_numbers_score_as_scikit_learn_does(made: Trained):
    table = samples.table()
    model = scorer.parse(made.payload)
    # What the trees learn from: columns of models that have not seen the pair.
    unseen = np.zeros((len(table.same), len(features.DIFFERENCES) + len(learnt.WORD_COLUMNS)))
    for trained, tested in training._split(table, training.LEARNT_FOLDS, 0):
        part, rest = table.part(trained), table.part(tested)
        made_of_part = learning.learn(part.differences, part.substitutions, part.same)
        unseen[tested] = learning.columns(made_of_part, rest.differences, rest.substitutions)
    learnt_from = np.column_stack([table.values, unseen]).astype(np.float32)
    columns = [
        model.learnt_of([one[place] for one in table.differences], table.substitutions[place])
        for place in range(len(table.same))
    ]
    rows = np.hstack([table.values, np.array(columns)]).astype(np.float32)
    boosted = [
        GradientBoostingClassifier(**training.BOOSTING, random_state=1000 * turn).fit(learnt_from, table.same)
        for turn in range(training.BOOSTED_MODELS)
    ]
    forest = ExtraTreesClassifier(**training.FOREST, random_state=0).fit(learnt_from, table.same)
    share = scorer.FOREST_SHARE
    expected = share * np.array([log_odds_of(value) for value in forest.predict_proba(rows)[:, 1]])
    expected += (1 - share) * np.mean([one.decision_function(rows) for one in boosted], axis=0)
    blended = [model.blended(row.tolist()) for row in rows]
    assert np.abs(np.array(blended) - expected).max() < 2e-3  # leaves are kept with five digits
    assert expected.std() > 0.5  # there is something to agree on


def test_a_payload_survives_json(made: Trained):
    table = samples.table()
    kept = json.loads(json.dumps(made.payload))
    assert training.scored(kept, table) == training.scored(made.payload, table)


def test_training_twice_gives_the_same_numbers(made: Trained):
    assert training.fit(samples.table(), inner_folds=2) == made


def test_scores_of_pairs_not_trained_on_rank_and_are_probabilities(made: Trained):
    same = samples.table().same
    scores = np.array(made.unseen)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[same == 1].mean() > 0.6 > 0.4 > scores[same == 0].mean()
    assert abs(scores.mean() - same.mean()) < 0.05


def test_pairs_that_hang_together_are_on_one_side():
    pairs = [
        Pair("a", "b", True),
        Pair("c", "d", False),
        Pair("B ", "e", True),
        Pair("e", "f", False),
        Pair("g", "h", True),
    ]
    assert training.groups_of(pairs) == [0, 1, 0, 0, 2]
    table = samples.table()
    for trained, tested in training._split(table, 4, 0):
        assert set(table.groups[trained]).isdisjoint(table.groups[tested])
        assert sorted([*trained, *tested]) == list(range(len(table.same)))


def test_one_kind_of_pair_teaches_nothing():
    table = samples.table()
    with pytest.raises(ValueError, match="ask the same and pairs that do not"):
        training.fit(table.part(np.flatnonzero(table.same == 1)))


def test_only_what_could_be_a_hit_is_labelled_for_thresholds(made: Trained):
    table = samples.table()
    found = training.labelled(table, made.unseen, least_similarity=0.7)
    could = ~table.vetoed & (table.similarities >= 0.7)
    assert len(found) == could.sum() < len(table.same)
    assert sum(one.is_right for one in found) == table.same[could].sum()
    assert thresholds.choose(found, target=0.3).value < thresholds.SAME_WORDS


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"features": ["no_such_feature"]},
        {"distances": []},
        {"boosted": []},
        {"forest": []},
        {"calibration": [1.0]},
        {"boosted": [{"trees": []}]},
        {"distances": None},
        {"words": {}},
    ],
)
def test_a_payload_of_another_version_is_refused(made: Trained, change: dict[str, Any]):
    with pytest.raises(scorer.UnusableModelError):
        scorer.parse({**made.payload, **change})
    with pytest.raises(scorer.UnusableModelError):
        scorer.parse({})


def test_scoring_needs_no_scikit_learn():
    code = (
        "import sys; from gateway.caching.verify import verifier; assert 'numpy' not in sys.modules; verifier.warm();"
        "assert not {'sklearn', 'scipy', 'django'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_features_and_distances_are_those_of_the_payload(made: Trained):
    assert made.payload["features"] == list(features.NAMES)
    assert [entry["of"] for entry in made.payload["distances"]] == list(features.DIFFERENCES)
    directions = [learnt.unpacked(entry["directions"], width=384) for entry in made.payload["distances"]]
    assert {one.shape for one in directions} == {(learning.DIRECTIONS, 384)}
    assert max(abs(one).max() for one in directions) == learning.LARGEST


def test_what_words_are_replaced_by_is_learnt(made: Trained):
    """So it tells of pairs that it was not trained on."""
    table = samples.table()
    trained, tested = next(training._split(table, 2, 0))
    part, rest = table.part(trained), table.part(tested)
    model = learning.learn(part.differences, part.substitutions, part.same)
    together = learning.columns(model, rest.differences, rest.substitutions)[:, len(features.DIFFERENCES)]
    assert together[rest.same == 1].mean() > together[rest.same == 0].mean()
    assert np.isfinite(together).all()


def test_a_pair_of_the_same_words_has_no_substitution(made: Trained):
    one, other = reading.of_texts(["How do I reset my password?", "how do I reset my PASSWORD"])
    found = reading.compared(one, other)
    assert len(found.substitutions.facts) == 0
    model = scorer.parse(made.payload)
    assert model.learnt_of(found.differences, found.substitutions)[-3:] == features.single(
        [model.words.together_from, 0.0, model.words.nothing]
    )
