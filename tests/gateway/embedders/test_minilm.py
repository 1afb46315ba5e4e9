"""The embedded model gives the vectors that its makers publish, and holds up nobody while it works."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.embedders import batches, minilm, minilm_graph
from tests.gateway.live import ROOT

# Of another implementation of the published network, in plain numpy and double precision, which gave the published figures below.
REFERENCE = Path(__file__).with_name("reference.jsonl")
# Beginnings and similarities as documented for sentence-transformers/all-MiniLM-L6-v2 (https://www.sbert.net, Quickstart; model card).
BEGINNING = [0.0676569, 0.0634959, 0.0487131, 0.0793050, 0.0374481]
SIMILARITIES = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]


def test_equals_the_published_vectors():
    (vector,) = minilm.embed(["This is an example sentence"])
    assert vector[:5] == pytest.approx(BEGINNING, abs=2e-6)


def test_equals_the_published_similarities():
    vectors = np.array(
        minilm.embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    )
    assert vectors @ vectors.T == pytest.approx(np.array(SIMILARITIES), abs=5e-5)


def test_its_runtime_tells_its_makers_nothing(tmp_path: Path):
    """What ONNX Runtime would send waits in the home folder, beside the number that it gives a machine; not where CI is set."""
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        environment[name] = str(tmp_path)
    script = "from gateway.embedders import minilm; print(len(minilm.embed(['Hello'])[0]))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "384\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "alone"])
def test_equals_the_reference(together):
    rows = [json.loads(line) for line in REFERENCE.read_text().splitlines()]
    texts = [row["text"] for row in rows]
    vectors = minilm.embed(texts) if together else [minilm.embed([text])[0] for text in texts]
    for row, vector in zip(rows, vectors, strict=True):
        wanted = np.frombuffer(base64.b64decode(row["vector"]), dtype="<f2").astype(np.float32)
        assert float(vector @ wanted / np.linalg.norm(wanted)) == pytest.approx(1.0, abs=1e-5), row["text"]


def test_the_graph_in_the_repository_is_what_its_writer_makes():
    assert minilm_graph.build() == minilm.GRAPH.read_bytes()


async def test_the_event_loop_goes_on_while_many_callers_wait():
    embedder = batches.Batched(minilm.NAME, minilm.embed)
    await embedder.embed(["the weights are read now"])
    callers = asyncio.gather(*(embedder.embed([f"{number}: " + "words and words " * 60]) for number in range(32)))
    turns = 0
    while not callers.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 1000  # with the GIL held there would be one turn a batch
    assert {vector.shape for (vector,) in callers.result()} == {(minilm.DIMENSIONS,)}


def test_a_text_s_vector_does_not_depend_on_what_it_is_embedded_with():
    texts = [
        "a",
        "",
        "x" * 5000,
        "naïve café 🙂",
        "line\nbreak\x00",
        *(f"the {number}th question" for number in range(40)),
    ]
    together = minilm.embed(texts)
    for text, vector in zip(texts, together, strict=True):
        (alone,) = minilm.embed([text])
        assert float(vector @ alone) == pytest.approx(1.0, abs=1e-5)
        assert vector.shape == (minilm.DIMENSIONS,)
        assert vector.dtype == np.float32


def test_a_long_text_is_cut_at_256_word_pieces():
    first, longer = minilm.embed(["word " * 300, "word " * 300 + "and an ending of its own"])
    assert np.array_equal(first, longer)


def test_nothing_heavy_is_loaded_before_the_first_text():
    program = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; import django; django.setup()\n"
        "from gateway import embedders; embedders.make()\n"
        "import gateway.pipeline.run\n"
        "assert not {'numpy', 'tokenizers', 'torch', 'onnxruntime', 'sklearn'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
