"""from_onnx: an ONNX file of a vector field, as a neural ODE's own export writes it.

The model is evaluated by onnx's reference implementation, in numpy, with every float32 in it made float64:
the solver aims at 1e-10, and the weights are what they are. Nothing in the file is executed but the
arithmetic of its graph; models with loops or with operators of other domains are refused. Tensors may lie in
files beside the model, see `read_model`.
"""

from __future__ import annotations

import os
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from ..errors import FieldError, FileFormatError, OutputError, VanillaflowError, reason_of
from ..files.onnx_models import read_model
from .callable_field import CallableField, require_field

_LOOPS = ("Loop", "Scan", "If", "SequenceMap")
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
# Of the file with the tensors beside it, and of any array on the way from one point to its velocity.
_MAX_BYTES = 2**28


def from_onnx(path: str | os.PathLike[str], dim: int | None = None) -> CallableField:
    """Read the vector field of an ONNX model, `v = model(x)` or `model(t, x)`, for x and v of shape (n, d).

    Any number n of points must do. An input of rank 0 or 1 is the time, wherever it stands. Tensors are read
    from other files in the model's folder, as torch.onnx.export writes them, and from nowhere else.

    Parameters
    ----------
    path
        The file, of at most 256 MB.
    dim
        The dimension d, needed where the model does not say.

    Raises
    ------
    FieldError
        If the file cannot be read, has more than 256 MB, is no such model, cannot be evaluated in float64, or
        does not behave as a field does (see `from_callable`). The message names the file and the reason.
    """
    name = os.fspath(path)
    try:
        model = _read(name)
        state, time, size = _inputs(model.graph)
        dim = size if dim is None else dim
        if dim is None:
            raise FieldError("it does not say how many columns its input has: pass dim")
        if size not in (None, dim):
            raise FieldError(f"its input has {size} columns, not {dim}")
        evaluator = _evaluator(model)
        output = model.graph.output[0].name

        def velocity(t: float, x: np.ndarray) -> Any:
            feeds = {state: x}
            if time is not None:
                feeds[time[0]] = np.full(time[1], float(t))
            results: Any = evaluator.run([output], feeds)
            return results[0]

        require_field(velocity, dim, "the model")
    except FieldError as error:
        raise FieldError(f"{name}: {error}") from None
    return CallableField(velocity, dim, os.path.basename(name), autonomous=time is None)


def _read(name: str) -> onnx.ModelProto:
    try:
        model = read_model(name, _MAX_BYTES)
    except FileFormatError as error:
        raise FieldError(str(error)) from None
    except OutputError:
        raise
    except VanillaflowError as error:
        raise FieldError(f"cannot be read ({error})") from None
    if model.functions:
        raise FieldError("it defines functions of its own; export it without")
    for node in model.graph.node:
        graphs = any(a.HasField("g") or a.graphs for a in node.attribute)
        if graphs or node.op_type in _LOOPS or node.domain not in ("", "ai.onnx"):
            raise FieldError(
                f"the operator {node.domain or 'ONNX'}.{node.op_type} is not supported in a field"
            )
    return model


def _evaluator(model: onnx.ModelProto) -> ReferenceEvaluator:
    """What evaluates the model in float64. Raises FieldError if it has something that cannot be evaluated, or
    makes an array of more than _MAX_BYTES."""
    try:
        double = _in_float64(model)
        inferred = onnx.shape_inference.infer_shapes(double, data_prop=True)
        evaluator = ReferenceEvaluator(double)
    except Exception as error:  # Whatever onnx raises for operators and attributes it does not know.
        raise FieldError(f"it cannot be evaluated ({reason_of(error)})") from None
    for value in inferred.graph.value_info:
        # Sizes that are not known, such as the number of points, count as 1.
        count = prod(max(size.dim_value, 1) for size in value.type.tensor_type.shape.dim)
        if 8 * count > _MAX_BYTES:
            raise FieldError(f"its value {value.name!r} has {count} numbers for a single point")
    return evaluator


def _inputs(graph: onnx.GraphProto) -> tuple[str, tuple[str, tuple[int, ...]] | None, int | None]:
    """The name of the state, name and shape of the time if it is an input, and the columns of the state."""
    given = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in given]
    shapes = {value.name: list(value.type.tensor_type.shape.dim) for value in inputs}
    states = [name for name, shape in shapes.items() if len(shape) == 2]
    times = [name for name, shape in shapes.items() if len(shape) < 2]
    if len(graph.output) != 1 or len(states) != 1 or len(times) > 1 or len(inputs) > 2:
        found = ", ".join(f"{name} of rank {len(shape)}" for name, shape in shapes.items())
        raise FieldError(
            "a field has one output, an input of shape (n, d), and perhaps the time as another; this has "
            f"{len(graph.output)} outputs and the inputs {found or 'none'}"
        )
    for value in inputs:
        if value.type.tensor_type.elem_type not in _FLOATS:
            raise FieldError(f"its input {value.name!r} is not of floating-point numbers")
    columns = shapes[states[0]][1].dim_value or None
    time = (times[0], (1,) * len(shapes[times[0]])) if times else None
    return states[0], time, columns


def _in_float64(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with float64 for every float32: weights, constants, casts, inputs and outputs."""
    double = onnx.ModelProto()
    double.CopyFrom(model)
    graph = double.graph
    for tensor in graph.initializer:
        _widen(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                _widen(attribute.t)
            if attribute.name in ("to", "dtype") and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                value = helper.get_attribute_value(attribute)
                array = numpy_helper.from_array(np.asarray(value, dtype=np.float64))
                attribute.CopyFrom(helper.make_attribute("value", array))
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del graph.value_info[:]
    return double


def _widen(tensor: TensorProto) -> None:
    if tensor.data_type == TensorProto.FLOAT:
        wide = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
        tensor.CopyFrom(wide)
