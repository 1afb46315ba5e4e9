"""`make eval-cache` and `make train-verifier`: their figures, what they make of bad files, and the whole commands on the samples."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cache import on_stream, pairs, points
from benchmarks.cache.pairs import Asked
from benchmarks.cache.points import Point
from tests.gateway.caching.verify.samples import PAIRS, STREAM


def test_a_point_at_a_recall_takes_equal_scores_together():
    scores, same = [0.9, 0.8, 0.8, 0.7, None], [True, True, False, True, True]
    assert points.at_recall(scores, same, 0.25) == Point(1, 0, 4)
    assert points.at_recall(scores, same, 0.5) == Point(3, 1, 4)
    assert points.at_recall(scores, same, 0.75) == Point(4, 1, 4)
    assert points.at_recall(scores, same, 1.0) is None
    assert points.at([0.9, 0.8, 0.7], [True, False, True], threshold=0.8) == Point(2, 1, 2)
    assert Point(3, 1, 4).recall == 0.5
    assert Point(3, 1, 4).false_share == pytest.approx(1 / 3)


def test_the_interval_is_wilsons():
    assert points.wilson(5, 100) == pytest.approx((0.02154, 0.11175), abs=1e-5)
    assert points.wilson(0, 0) == (0.0, 1.0)


def test_what_is_hit_is_not_kept_anew():
    stream = [Asked(text, intent) for text, intent in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "y"))]
    vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
    asked: list[tuple[int, int]] = []

    def decide(place: int, other: int, similarity: float) -> bool:
        asked.append((place, other))
        return similarity > 0.75

    assert on_stream.replay(stream, on_stream.Store(vectors), decide) == Point(2, 1, 4)
    assert asked == [(1, 0), (2, 0), (3, 0)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no rows"),
        ("\n \n", "has no rows"),
        ("not json\n", ":1: wants text_a, text_b and label (0 or 1)"),
        ("[1, 2]\n", "list instead of an object"),
        ('{"text_a": "a", "label": 1}\n', "no 'text_b'"),
        ('{"text_a": "a", "text_b": "b", "label": "yes"}\n', "label is 'yes'"),
        ('{"text_a": "a", "text_b": "b", "label": 2}\n', "label is 2"),
        ('{"text_a": 5, "text_b": "b", "label": 1}\n', "text_a is no text"),
        ('{"text_a": "a", "text_b": " ", "label": 1}\n', "text_b is empty"),
        ('\n{"text_a": "a", "text_b": "b", "label": 1}\n{"text_a"', ":3: wants"),
    ],
)
def test_bad_pairs_are_told_by_their_line(tmp_path: Path, content: str, message: str):
    path = tmp_path / "pairs.jsonl"
    path.write_text(content)
    with pytest.raises(pairs.BadDataError) as caught:
        pairs.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_read_are_told(tmp_path: Path):
    with pytest.raises(pairs.BadDataError, match="No such file"):
        pairs.load(tmp_path / "none.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(pairs.BadDataError, match="not UTF-8"):
        pairs.load(tmp_path / "binary")
    (tmp_path / "stream").write_text('{"text": "a", "intent": null}')
    with pytest.raises(pairs.BadDataError, match="intent is no text"):
        pairs.load_stream(tmp_path / "stream")


def test_labels_may_be_written_as_truths_and_lines_may_have_odd_breaks(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"text_a": "a\u2028b", "text_b": "b", "label": true}\r\n', encoding="utf-8")
    (pair,) = pairs.load(path)
    assert pair.is_same
    assert pair.text_a == "a\u2028b"


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)


def test_cross_validates_on_the_sample():
    done = run("benchmarks.cache", "--seeds", "1", "--folds", "3")
    assert done.returncode == 0, done.stderr
    assert "192 pairs, 72 of them ask the same; 3-fold, no question on both sides; 1 seeds" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.strip().startswith("20%"))
    similarity, with_guards = (float(cell.split("%")[0].split()[-1]) for cell in row.split("]")[:2])
    assert similarity > with_guards
    assert "shipped model" in done.stdout
    assert "none of these questions among them" in done.stdout
    for guard in ("numbers", "negation", "opposites"):
        line = next(line for line in done.stdout.splitlines() if line.split()[:1] == [guard])
        assert int(line.split()[1]) > 0


def test_trains_a_model_and_says_what_it_has_seen(tmp_path: Path):
    lines = PAIRS.read_text().splitlines(keepends=True)
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text("".join(lines[:110]))
    test.write_text("".join(lines[100:]))
    done = run("benchmarks.cache", "--pairs", str(test), "--train", str(train), "--seeds", "1")
    assert done.returncode == 0, done.stderr
    assert f"trained on {train} (110 pairs)" in done.stdout
    assert "questions are in both files: this is no fair test." in done.stdout


def test_training_writes_a_model_that_loads(tmp_path: Path):
    out = tmp_path / "model.json"
    done = run("benchmarks.cache.train", "--pairs", str(PAIRS), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "192 pairs" in done.stdout
    content = json.loads(out.read_text())
    assert content["embedder"] == "minilm-l6-v2"
    assert content["version"].startswith("2-")
    assert len(content["questions"]) == len({text for pair in pairs.load(PAIRS) for text in (pair.text_a, pair.text_b)})


def test_replays_a_stream_in_memory():
    done = run("benchmarks.cache", "--stream", str(STREAM), "--in-memory")
    assert done.returncode == 0, done.stderr
    assert "144 questions of 72 intents" in done.stdout
    assert "Verified (" in done.stdout
    assert "The verifier was trained on 0 of these questions." in done.stdout


def test_replays_a_stream_through_a_gateway_and_its_database():
    done = run("benchmarks.cache", "--stream", str(STREAM), "--questions", "12")
    assert done.returncode == 0, done.stderr
    assert "Through a gateway, 12 questions" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(("guards", "verified"))]
    assert [row[0] for row in rows] == ["guards,", "verified,", "verified,", "verified,"]
    assert "nothing near enough" in done.stdout.partition("Why not: ")[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--stream", str(STREAM), "--pairs", str(PAIRS)),
        ("--seeds", "0"),
        ("--folds", "1"),
    ],
)
def test_senseless_choices_are_refused(arguments: tuple[str, ...]):
    done = run("benchmarks.cache", *arguments)
    assert done.returncode == 2
    assert "error:" in done.stderr


def test_pairs_of_one_kind_are_refused(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"text_a": "a", "text_b": "b", "label": 1}\n')
    for done in (run("benchmarks.cache", "--pairs", str(path)), run("benchmarks.cache.train", "--pairs", str(path))):
        assert done.returncode == 1
        assert "needs pairs that ask the same and pairs that do not" in done.stderr
    path.write_text('{"text_a": "a", "text_b": "b", "label": 1}\n{"text_a": "a", "text_b": "c", "label": 0}\n')
    done = run("benchmarks.cache", "--pairs", str(path))
    assert done.returncode == 1
    assert "too few pairs" in done.stderr
    assert "Traceback" not in done.stderr
