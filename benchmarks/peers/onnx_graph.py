"""An ONNX graph from (n, d) points to (n, d) points, written node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR_VERSION = 21, 10

# The names of the tensors that hold the state.
State = tuple[str, ...]


class Graph:
    input = "x"

    def __init__(self, dim: int):
        self._dim = dim
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[bytes, tuple[int, ...], str], onnx.TensorProto] = {}

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output, and return its name."""
        (name,) = self.nodes(operator, 1, *inputs, **attributes)
        return name

    def nodes(self, operator: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"{operator}_{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        """The name of a constant; equal ones are stored once."""
        array = np.ascontiguousarray(value, dtype) if np.ndim(value) else np.array(value, dtype)
        key = array.tobytes(), array.shape, array.dtype.str
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"constant_{len(self._constants)}")
        return self._constants[key].name

    def model(self, output: str) -> bytes:
        self._nodes.append(helper.make_node("Identity", [output], ["y"]))
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", self._dim]) for name in "xy"]
        graph = helper.make_graph(
            self._nodes, "flow", ends[:1], ends[1:], initializer=list(self._constants.values())
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(model)
        return model.SerializeToString()
