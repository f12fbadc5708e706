"""ONNX files: a chain of Gemm and LeakyRelu, PRelu or Relu nodes that every runtime can evaluate.

`read_onnx_metadata` and `network_from_onnx` read such a file back, `embed_certificate` adds a certificate.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .. import __version__
from ..errors import FileFormatError
from ..files import write_atomically
from ..files.onnx_models import read_model
from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..network.precision import first_outputs, rounded_layers
from .onnx_chain import chain_of
from .onnx_metadata import (
    certificate_entry,
    network_entries,
    network_values,
    read_certificate,
    read_entries,
    require_checksum,
    write_entries,
)
from .tensors import named_tensors

if TYPE_CHECKING:
    from os import PathLike

    from ..certificates import Certificate

# The first opset in which LeakyRelu and PRelu have a definition in terms of simpler operators, so that a
# runtime without a float64 kernel for them (ONNX Runtime has none) still evaluates them in float64.
OPSET = 16
# What ONNX 1.11 wrote with that opset; newer values shut out older runtimes and bring nothing here.
IR_VERSION = 8
# Protocol buffers cannot exceed 2 GiB; leave room for what is not a tensor.
_MAX_BYTES = 2**31 - 2**24
# Of a file and the tensors beside it, where other tools may have moved them.
_MAX_READ_BYTES = 2**31
_ELEMENT = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def write_onnx(
    network: FeedforwardNetwork,
    path: str | PathLike[str],
    dtype: str = "float32",
    outputs: int | None = None,
    certificate: Certificate | None = None,
) -> None:
    """Write the network as an ONNX model with input "x" and output "y" of shape (batch, d), any batch.

    Layers are `Gemm(transB=1)` and, by the network's dialect, `LeakyRelu(alpha)`, `PRelu` with a slope per
    neuron, or `Relu`. An ONNX attribute is a float32, so in a float64 model with a slope that float32 cannot
    hold, every leaky ReLU is instead a `PRelu` whose slope is a float64 tensor of one element: the same
    function, exactly. metadata_props say what the network was compiled from and how accurate it is (see
    `read_onnx_metadata`), with the certificate, if one is given. With `outputs`, y holds only the first so
    many coordinates; such a file has fewer outputs than inputs, and is not read back.

    Raises ValueError if a weight overflows `dtype` ("float32" or "float64"), naming the layer, and
    OutputError if `path` cannot be written. ValueError, too, for a wrong number of outputs, and for a
    certificate that is not of this network in this dtype, does not know its network, or is to go with fewer
    outputs: it is of all of them, and nobody could tell from such a file of which network.
    """
    model = onnx_model(network, dtype, outputs, certificate)
    write_atomically(path, model.SerializeToString(deterministic=True))


def onnx_model(
    network: FeedforwardNetwork,
    dtype: str = "float32",
    outputs: int | None = None,
    certificate: Certificate | None = None,
) -> onnx.ModelProto:
    """The model that `write_onnx` writes, checked."""
    weights, biases, slopes = rounded_layers(network, dtype)
    size = sum(array.nbytes for array in (*weights, *biases, slopes))
    if size > _MAX_BYTES:
        raise ValueError(
            f"the network has {size / 2**30:.1f} GiB of weights; an ONNX file cannot exceed 2 GiB"
        )
    kept = first_outputs(network, outputs)
    entries = network_entries(network, dtype)
    if certificate is not None:
        if kept < network.dim:
            raise ValueError(
                f"a certificate is of all {network.dim} outputs of the network; a file of only the first "
                f"{kept} cannot hold it"
            )
        entries |= certificate_entry(certificate, network, dtype)
    by_attribute = np.array_equal(slopes.astype(np.float32), slopes)
    nodes, tensors, name = [], [], "x"
    kind = DIALECTS[network.dialect].activation
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
        if kind == "Relu":
            nodes.append(helper.make_node("Relu", [out], [name], name=label))
        elif kind == "LeakyRelu" and by_attribute:
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
    write_entries(model, entries, named_tensors(weights, biases, slopes, network.dialect))
    onnx.checker.check_model(model, full_check=True)
    return model


def read_onnx_metadata(path: str | PathLike[str]) -> dict[str, Any]:
    """What `write_onnx` noted in the file.

    Keys: version, dtype ("float32" or "float64"), width, depth, dialect; domain (a Box), if there is one; and
    if the network knows what it was compiled from: provenance (a Provenance), system, duration and, where
    known, tolerance, error, error_method; and certificate (a Certificate), if there is one. That it is of the
    network in the file is certain, not that it is true: see `Certificate.check`. Raises as
    `network_from_onnx` does.
    """
    return _read(path)[2]


def network_from_onnx(path: str | PathLike[str]) -> FeedforwardNetwork:
    """Rebuild the network from a file that `write_onnx` wrote: the numbers that stand in it, in float64.

    Raises FileFormatError, naming the file and the reason, if it holds anything but such a chain, was
    changed since, or has a certificate of another network, and VanillaflowError if there is no such file.
    """
    return _read(path)[1]


def embed_certificate(path: str | PathLike[str], certificate: Certificate) -> None:
    """Write the certificate into a file that `write_onnx` wrote, in place of one that it may have.

    Everything else in the file stays, except that the checksum counts the certificate. Raises ValueError if
    the certificate is not of the network in the file, OutputError if the file cannot be written, and as
    `network_from_onnx` does; the file is unchanged then.
    """
    model, network, values = _read(path)
    entries, _ = read_entries(model)
    entries.pop("certificate", None)
    entries |= certificate_entry(certificate, network, values["dtype"])
    write_entries(
        model, entries, named_tensors(network.weights, network.biases, network.slopes, network.dialect)
    )
    write_atomically(path, model.SerializeToString(deterministic=True), update=True)


def _read(path: str | PathLike[str]) -> tuple[onnx.ModelProto, FeedforwardNetwork, dict[str, Any]]:
    try:
        model = read_model(path, _MAX_READ_BYTES)
        if model.functions:  # Which may be called Gemm or Relu themselves.
            raise FileFormatError("it defines functions of its own")
        entries, recorded = read_entries(model)
        values = network_values(entries)
        network = FeedforwardNetwork(
            *chain_of(model.graph, values["dialect"]),
            domain=values.get("domain"),
            provenance=values.get("provenance"),
            dialect=values["dialect"],
        )
        _require_dtype(model.graph, values["dtype"])
        require_checksum(entries, recorded, network)
        if "certificate" in entries:
            values["certificate"] = read_certificate(entries["certificate"], network, values["dtype"])
    except ValueError as error:
        raise FileFormatError(f"cannot read {os.fspath(path)!r}: {error}") from None
    return model, network, values


def _require_dtype(graph: onnx.GraphProto, dtype: str) -> None:
    """Raise FileFormatError unless the tensors have the precision that the metadata, and with it a
    certificate, says the network is evaluated in."""
    if any(tensor.data_type != _ELEMENT.get(dtype) for tensor in graph.initializer):
        raise FileFormatError(f"its tensors are not in {dtype!r}, the precision that its metadata names")
