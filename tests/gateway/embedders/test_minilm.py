"""The embedded model gives the vectors that its makers publish."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from gateway.embedders import minilm
from tests.gateway.live import ROOT

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
