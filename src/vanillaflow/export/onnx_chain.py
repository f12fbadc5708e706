"""The numbers of the one chain of nodes that an ONNX file of ours may hold; anything else is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import FileFormatError
from ..network.dialects import DIALECTS

_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)


def chain_of(graph: onnx.GraphProto, dialect: str) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """The weights, biases and slopes of the chain x -> Gemm -> activation -> ... -> Gemm -> y, in float64.

    Raises FileFormatError, naming the node, for any other graph, or activations of another dialect.
    """
    tensors = {tensor.name: _array(tensor) for tensor in graph.initializer}
    if [v.name for v in graph.input] != ["x"] or [v.name for v in graph.output] != ["y"]:
        raise FileFormatError("it does not have the one input 'x' and the one output 'y'")
    weights, biases, slopes = [], [], []
    name = "x"
    for position, node in enumerate(graph.node):
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        # Gemm and activation alternate, each reading only what the one before it made.
        if position % 2 == 1:
            slopes.append(_slopes(position, node, attributes, tensors, dialect))
        elif node.op_type == "Gemm" and len(node.input) == 3 and attributes == {"transB": 1}:
            weights.append(_tensor(tensors, node.input[1]))
            biases.append(_tensor(tensors, node.input[2]))
        else:
            raise _breaks_chain(position, node, dialect)
        if node.domain or node.input[0] != name:
            raise FileFormatError(f"node {position} does not read the output of the node before it")
        name = node.output[0]
    if name != "y" or len(weights) != len(slopes) + 1:
        raise FileFormatError("its chain of layers does not end with a Gemm that makes 'y'")
    inputs, outputs = weights[0].shape[-1] if weights[0].ndim else 0, biases[-1].size
    if outputs < inputs:
        raise FileFormatError(f"it gives only {outputs} of the {inputs} outputs of its network")
    if len({slope.shape for slope in slopes}) > 1:
        raise FileFormatError("its layers differ in width")
    none = (0,) if DIALECTS[dialect].slopes_per_layer else (0, *biases[0].shape)
    return weights, biases, np.stack(slopes) if slopes else np.zeros(none)


def _slopes(
    position: int,
    node: onnx.NodeProto,
    attributes: dict[str, Any],
    tensors: dict[str, np.ndarray],
    dialect: str,
) -> np.ndarray:
    """The slope of the activation, or one for each neuron."""
    kind = DIALECTS[dialect].activation
    if kind == node.op_type == "Relu" and len(node.input) == 1 and not attributes:
        return np.zeros(())
    if kind == node.op_type == "LeakyRelu" and attributes.keys() == {"alpha"}:
        return np.array(attributes["alpha"], dtype=np.float64)
    if kind != "Relu" and node.op_type == "PRelu" and len(node.input) == 2 and not attributes:
        slope = _tensor(tensors, node.input[1])
        if kind == "PRelu":
            return slope
        if slope.shape != (1,):
            raise FileFormatError(f"node {position} has one slope per neuron")
        return slope[0]
    raise _breaks_chain(position, node, dialect)


def _breaks_chain(position: int, node: onnx.NodeProto, dialect: str) -> FileFormatError:
    activation = DIALECTS[dialect].activation
    return FileFormatError(
        f"node {position}, {node.op_type}, does not continue a chain of Gemm and {activation}"
    )


def _array(tensor: TensorProto) -> np.ndarray:
    if tensor.data_type not in _FLOATS:
        raise FileFormatError(f"its tensor {tensor.name!r} is neither float32 nor float64")
    with np.errstate(invalid="ignore"):  # A signalling NaN; every NaN is refused later.
        return numpy_helper.to_array(tensor).astype(np.float64)


def _tensor(tensors: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in tensors:
        raise FileFormatError(f"it has no tensor {name!r}")
    return tensors[name]
