"""ONNX files: a chain of Gemm and LeakyRelu, PRelu or Relu nodes that every runtime can evaluate.

`read_onnx_metadata` and `network_from_onnx` read such a file back.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from .. import __version__
from ..box import Box
from ..errors import FileFormatError
from ..network import DIALECTS, FeedforwardNetwork
from ..provenance import Provenance
from .checksum import checksum
from .files import read_bytes, write_atomically
from .onnx_chain import chain_of
from .rounding import first_outputs, rounded_layers
from .tensors import named_tensors

if TYPE_CHECKING:
    from os import PathLike

# The first opset in which LeakyRelu and PRelu have a definition in terms of simpler operators, so that a
# runtime without a float64 kernel for them (ONNX Runtime has none) still evaluates them in float64.
OPSET = 16
# What ONNX 1.11 wrote with that opset; newer values shut out older runtimes and bring nothing here.
IR_VERSION = 8
# Protocol buffers cannot exceed 2 GiB; leave room for what is not a tensor.
_MAX_BYTES = 2**31 - 2**24
_PREFIX = "vanillaflow."
_ELEMENT = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def write_onnx(
    network: FeedforwardNetwork,
    path: str | PathLike[str],
    dtype: str = "float32",
    outputs: int | None = None,
) -> None:
    """Write the network as an ONNX model with input "x" and output "y" of shape (batch, d), any batch.

    Layers are `Gemm(transB=1)` and, by the network's dialect, `LeakyRelu(alpha)`, `PRelu` with a slope per
    neuron, or `Relu`. An ONNX attribute is a float32, so in a float64 model with a slope that float32 cannot
    hold, every leaky ReLU is instead a `PRelu` whose slope is a float64 tensor of one element: the same
    function, exactly. metadata_props say what the network was
    compiled from and how accurate it is (see `read_onnx_metadata`). With `outputs`, y holds only the first so
    many coordinates; such a file has fewer outputs than inputs, and is not read back.

    Raises ValueError if a weight overflows `dtype` ("float32" or "float64"), naming the layer, and
    OutputError if `path` cannot be written. ValueError, too, for a wrong number of outputs.
    """
    model = onnx_model(network, dtype, outputs)
    write_atomically(path, model.SerializeToString(deterministic=True))


def onnx_model(
    network: FeedforwardNetwork, dtype: str = "float32", outputs: int | None = None
) -> onnx.ModelProto:
    """The model that `write_onnx` writes, checked."""
    weights, biases, slopes = rounded_layers(network, dtype)
    size = sum(array.nbytes for array in (*weights, *biases, slopes))
    if size > _MAX_BYTES:
        raise ValueError(
            f"the network has {size / 2**30:.1f} GiB of weights; an ONNX file cannot exceed 2 GiB"
        )
    kept = first_outputs(network, outputs)
    by_attribute = np.array_equal(slopes.astype(np.float32), slopes)
    nodes, tensors, name = [], [], "x"
    for i, (W, b) in enumerate(zip(weights, biases)):
        if i == network.depth:
            W, b = W[:kept], b[:kept]
        tensors += [numpy_helper.from_array(W, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        out = f"z{i}" if i < network.depth else "y"
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [out], name=f"gemm{i}", transB=1))
        if i == network.depth:
            break
        name = f"y{i}"
        label = f"activation{i}"
        if network.dialect == "relu":
            nodes.append(helper.make_node("Relu", [out], [name], name=label))
        elif network.dialect == "leaky_relu" and by_attribute:
            nodes.append(helper.make_node("LeakyRelu", [out], [name], name=label, alpha=float(slopes[i])))
        else:
            tensors.append(numpy_helper.from_array(np.atleast_1d(slopes[i]), f"slope{i}"))
            nodes.append(helper.make_node("PRelu", [out, f"slope{i}"], [name], name=label))
    ends = [
        helper.make_tensor_value_info(end, _ELEMENT[dtype], ["batch", size])
        for end, size in (("x", network.dim), ("y", kept))
    ]
    graph = helper.make_graph(nodes, "vanillaflow", ends[:1], ends[1:], tensors)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="vanillaflow",
        producer_version=__version__,
    )
    metadata = _metadata(network, dtype)
    metadata["sha256"] = checksum(metadata, named_tensors(weights, biases, slopes, network.dialect))
    helper.set_model_props(model, {_PREFIX + key: text for key, text in metadata.items()})
    onnx.checker.check_model(model, full_check=True)
    return model


def _metadata(network: FeedforwardNetwork, dtype: str) -> dict[str, str]:
    entries: dict[str, Any] = {
        "version": __version__,
        "dtype": dtype,
        "width": network.width,
        "depth": network.depth,
        "dialect": network.dialect,
    }
    if network.domain is not None:
        entries["domain"] = json.dumps(
            {"low": network.domain.low.tolist(), "high": network.domain.high.tolist()}
        )
    if network.provenance is not None:
        entries |= {
            key: getattr(network.provenance, key)
            for key in ("system", "duration", "tolerance", "error", "error_method")
        }
        entries["provenance"] = network.provenance.to_json()
    return {key: str(value) for key, value in entries.items() if value is not None}


def read_onnx_metadata(path: str | PathLike[str]) -> dict[str, Any]:
    """What `write_onnx` noted in the file.

    Keys: version, dtype ("float32" or "float64"), width, depth, dialect; domain (a Box), if there is one; and
    if the network knows what it was compiled from: provenance (a Provenance), system, duration and, where
    known, tolerance, error, error_method. Raises as `network_from_onnx` does.
    """
    return _read(path)[1]


def network_from_onnx(path: str | PathLike[str]) -> FeedforwardNetwork:
    """Rebuild the network from a file that `write_onnx` wrote: the numbers that stand in it, in float64.

    Raises FileFormatError, naming the file and the reason, if it holds anything but such a chain or was
    changed since, and VanillaflowError if there is no such file.
    """
    return _read(path)[0]


def _read(path: str | PathLike[str]) -> tuple[FeedforwardNetwork, dict[str, Any]]:
    content = read_bytes(path)
    try:
        model = _model(content)
        texts = _metadata_texts(model)
        values = _metadata_values(texts)
        network = FeedforwardNetwork(
            *chain_of(model.graph, values["dialect"]),
            domain=values.get("domain"),
            provenance=values.get("provenance"),
            dialect=values["dialect"],
        )
        recorded = texts.pop("sha256")
        arrays = named_tensors(network.weights, network.biases, network.slopes, network.dialect)
        if recorded != checksum(texts, arrays):
            raise FileFormatError(
                "its content does not match its checksum: it was changed after it was written"
            )
    except ValueError as error:
        raise FileFormatError(f"cannot read {os.fspath(path)!r}: {error}") from None
    return network, values


def _model(content: bytes) -> onnx.ModelProto:
    try:
        model = onnx.ModelProto.FromString(content)
        # Before the checker, which would open files that a tensor refers to.
        if any(t.data_location == TensorProto.EXTERNAL for t in model.graph.initializer):
            raise FileFormatError("it keeps tensors in other files")
        onnx.checker.check_model(model)
    except (DecodeError, UnicodeDecodeError, onnx.checker.ValidationError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise FileFormatError(f"it is not a complete ONNX model ({reason})") from None
    return model


def _metadata_texts(model: onnx.ModelProto) -> dict[str, str]:
    entries = [(entry.key, entry.value) for entry in model.metadata_props]
    # Protocol buffers hand out bytes where a text is not UTF-8.
    if not all(isinstance(text, str) for entry in entries for text in entry):
        raise FileFormatError("its metadata is not text")
    texts = {key.removeprefix(_PREFIX): text for key, text in entries if key.startswith(_PREFIX)}
    if not {"version", "dtype", "width", "depth", "sha256"} <= texts.keys():
        raise FileFormatError("it was not written by vanillaflow: its metadata has no such entries")
    return texts


def _metadata_values(texts: dict[str, str]) -> dict[str, Any]:
    # Files from before there were others are of the dialect leaky_relu.
    values: dict[str, Any] = {"dialect": "leaky_relu"} | {k: v for k, v in texts.items() if k != "sha256"}
    if values["dialect"] not in DIALECTS:
        raise FileFormatError(f"its network is of the unknown dialect {values['dialect']!r}")
    try:
        values |= {key: int(texts[key]) for key in ("width", "depth")}
        values |= {key: float(texts[key]) for key in ("duration", "tolerance", "error") if key in texts}
        if "domain" in texts:
            values["domain"] = Box(**json.loads(texts["domain"]))
        if "provenance" in texts:
            values["provenance"] = Provenance.from_json(texts["provenance"])
    except (TypeError, ValueError, RecursionError) as error:
        raise FileFormatError(f"its metadata cannot be read: {error}") from None
    return values
