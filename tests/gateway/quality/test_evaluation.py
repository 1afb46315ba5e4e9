"""`make eval-cascade`: its figures, and the whole command on the sample."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cascade import __main__ as evaluation
from benchmarks.cascade import curves, data, strategies
from benchmarks.cascade.__main__ import cost
from benchmarks.cascade.data import Pair
from gateway.quality import shipped
from tests.gateway.quality.samples import SAMPLE


def pair(weak: bool, strong: bool) -> Pair:
    return Pair("p", "w", "s", weak, strong)


GAINED, LOST, SAME = pair(False, True), pair(True, False), pair(True, True)


def test_gain_is_what_escalating_puts_right_less_what_it_loses():
    curve = curves.trace([SAME, GAINED, LOST, GAINED], [0.1, 0.9, 0.5, 0.3])
    assert curve.recovered == [0.0, 1.0, 0.0, 1.0, 1.0]
    assert curve.apgr == (0.5 + 0.5 + 0.5 + 1.0) / 4
    assert curve.share_for(0.5) == 0.25


def test_the_best_order_and_the_worst():
    pairs = [GAINED] * 2 + [SAME] * 2
    assert curves.summarise(pairs, [4, 3, 2, 1]) == curves.Summary(0.75, 0.25, 0.5)
    assert curves.summarise(pairs, [1, 2, 3, 4]) == curves.Summary(0.25, 0.75, 1.0)


def test_without_a_gain_there_is_nothing_to_recover():
    with pytest.raises(ValueError, match="no gain"):
        curves.trace([SAME, LOST], [0.0, 1.0])


def test_a_cascade_always_pays_the_cheap_call():
    assert cost(0.4, 25, tries_cheap_first=True) == pytest.approx(0.44)
    assert cost(0.4, 25, tries_cheap_first=False) == pytest.approx(0.424)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.cascade", "--seeds", "2", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def figures(out: str) -> dict[str, list[float]]:
    """APGR and the rest by strategy, means alone."""
    found = {}
    for name in ("random", "prompt length", "prompt-only classifier", "cascade", "cascade, as shipped"):
        line = next(line for line in out.splitlines() if re.match(rf"{name}  ", line))
        found[name] = [float(text) for text in re.findall(r"(?<!± )\b\d+\.\d+", line)]
    return found


def test_cross_validates_on_the_sample():
    done = run()
    assert done.returncode == 0, done.stderr
    assert "120 rows; right: cheap 62.5%, strong 90.8%; 5-fold, grouped by prompt; 2 seeds" in done.stdout
    found = figures(done.stdout)
    assert found["cascade"][0] > 0.8 > 0.7 > found["random"][0]
    assert found["cascade"][2] < 35 < found["random"][2]
    last = next(line for line in done.stdout.splitlines() if line.strip().startswith("100%"))
    assert last.split() == ["100%", "104.0%", "100.0%", *["90.8%"] * 4]
    assert "Threshold for at most 10.0% accepted although wrong" in done.stdout
    assert "as shipped: trained on 802 other rows, none of these prompts among them" in done.stdout


def test_trains_on_one_file_and_tests_on_another(tmp_path: Path):
    lines = SAMPLE.read_text().splitlines(keepends=True)
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    train.write_text("".join(lines[:70]))
    test.write_text("".join(lines[60:]))
    done = run("--train", str(train), "--data", str(test), "--price-ratio", "10", "--target", "0.2")
    assert done.returncode == 0, done.stderr
    assert f"trained on {train} (70 rows)" in done.stdout
    assert "! 10 prompts are in both files: this is no fair test." in done.stdout
    assert "price ratio 10" in done.stdout
    assert figures(done.stdout)["cascade"][0] > 0.7
    assert "at most 20.0% accepted" in done.stdout


def test_a_trained_file_knows_its_prompts_and_the_shipped_one_does_not_know_the_sample(tmp_path: Path):
    out = tmp_path / "model.json"
    command = [sys.executable, "-m", "benchmarks.cascade.train", "--data", str(SAMPLE), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    content = json.loads(out.read_text())
    assert (content["rows"], content["metrics"]["n"]) == (120, 120)
    assert "120 rows" in done.stdout
    assert content["prompts"] == data.prompt_marks(data.load(SAMPLE))
    assert not set(content["prompts"]) & set(shipped.read()["prompts"])


def test_says_so_where_the_shipped_model_was_trained_on_the_prompts(capsys: pytest.CaptureFixture[str]):
    pairs = data.load(SAMPLE)
    known = data.prompt_marks(pairs[:50])
    evaluation.print_fairness(pairs, {"prompts": known, "rows": 50})
    assert "! cascade, as shipped: trained on 50 of these 120 prompts" in capsys.readouterr().out
    evaluation.print_fairness(pairs[50:], {"prompts": known, "rows": 50})
    assert "trained on 50 other rows, none of these prompts among them" in capsys.readouterr().out


def test_what_is_tested_was_not_trained_on():
    pairs = data.load(SAMPLE)
    tested_at_all = []
    for _, trained, tested in strategies.parts(strategies.Setting(pairs, None, 4), 0):
        assert not {pair.prompt for pair in trained} & {pairs[place].prompt for place in tested}
        assert len(trained) + len(tested) == len(pairs)
        tested_at_all += tested
    assert sorted(tested_at_all) == list(range(len(pairs)))
    ((_, trained, tested),) = strategies.parts(strategies.Setting(pairs[:20], pairs[20:], 4), 0)
    assert (trained, tested) == (pairs[20:], list(range(20)))


def test_a_bad_file_is_named_with_its_line(tmp_path: Path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"prompt": "p"}\n')
    done = run("--data", str(file))
    assert done.returncode != 0
    assert f"{file}:1: wants prompt, weak_answer" in done.stderr
    assert "Traceback" not in done.stderr
