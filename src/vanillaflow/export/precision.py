"""How much a network's output changes when its numbers are rounded, as small hardware does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ml_dtypes
import numpy as np
from jaxtyping import Float

from ..errors import VanillaflowError, import_optional
from ..network.feedforward import FeedforwardNetwork
from ..network.precision import rounded_layers
from ..validation import require_count

# More take memory and say nothing new.
_MOST_POINTS = 2**20


@dataclass(frozen=True)
class PrecisionErrors:
    """The largest change of an output (max norm) against float64 that was found, for each precision.

    A change is infinite where numbers overflow.

    Attributes
    ----------
    float32
        The change with 24 significant bits.
    float16
        The change with 11 significant bits and numbers below 65,520.
    bfloat16
        The change with 8 significant bits.
    int8
        The change with integers of 8 bits; None where ONNX Runtime is not installed.
    points
        The number of points compared.
    """

    float32: float
    float16: float
    bfloat16: float
    int8: float | None
    points: int


def precision_errors(network: FeedforwardNetwork, points: int = 4096, seed: int = 0) -> PrecisionErrors:
    """Measure max |N_p(x) - N(x)| over points x of the network's domain, for each precision p.

    For the floating-point types the network is evaluated here: points, weights, biases and slopes are
    rounded, and so are the outputs of every affine map and of every activation; sums are taken in float32, as
    most hardware does. For int8, ONNX Runtime quantizes the network statically (QDQ nodes; weights and
    activations of 8 bits, one scale per tensor, from the extremes over the same points) and evaluates what it
    made, node by node.

    The results are lower bounds of the suprema. They say nothing of the network's own error against the flow,
    which adds to them.

    Parameters
    ----------
    network
        The network, which needs a domain.
    points
        The number of points of low discrepancy, from 1 to 2^20; the corners of the box are compared, too.
    seed
        The seed of the points.

    Raises
    ------
    ValueError
        If the network has no domain, if a number overflows float32, or for another number of points.
    """
    if network.domain is None:
        raise ValueError("the network has no domain, over which its rounding errors could be measured")
    rounded_layers(network, "float32")
    count = require_count("points", points, _MOST_POINTS)
    x = np.concatenate([network.domain.sample(count, seed), network.domain.corners(seed)])
    exact = network(x)
    return PrecisionErrors(
        float32=_largest_change(_in_floats(network, x, np.dtype(np.float32)), exact),
        float16=_largest_change(_in_floats(network, x, np.dtype(np.float16)), exact),
        bfloat16=_largest_change(_in_floats(network, x, np.dtype(ml_dtypes.bfloat16)), exact),
        int8=_int8_change(network, x, exact),
        points=len(x),
    )


def _largest_change(y: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(y - exact))) if np.all(np.isfinite(y)) else np.inf


def _in_floats(
    network: FeedforwardNetwork, x: Float[np.ndarray, "n d"], dtype: np.dtype
) -> Float[np.ndarray, "n d"]:
    """The values at the rows of x, rounded to `dtype` at every step."""

    def cast(numbers):
        return np.asarray(numbers).astype(dtype).astype(np.float32)

    # Overflow is a result here, not an accident.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        y = cast(x)
        for W, b, slope in zip(network.weights, network.biases, [*network.slopes, 1.0]):
            z = cast(y @ cast(W).T + cast(b))
            y = np.maximum(z, cast(cast(slope) * z))
    return y.astype(np.float64)


def _int8_change(
    network: FeedforwardNetwork, x: Float[np.ndarray, "n d"], exact: Float[np.ndarray, "n d"]
) -> float | None:
    try:
        runtime: Any = import_optional("onnxruntime", extra="onnxruntime", purpose="int8")
    except VanillaflowError:
        return None
    from onnxruntime import quantization

    from .onnx import onnx_model

    class Points(quantization.CalibrationDataReader):
        """All points at once, then None."""

        def __init__(self):
            self.batches = iter([{"x": x.astype(np.float32)}])

        def get_next(self):
            return next(self.batches, None)

    model = onnx_model(network)
    # Without this mark ONNX Runtime advises to simplify the model first, which has nothing to simplify.
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "int8.onnx")
        quantization.quantize_static(model, path, Points(), quant_format=quantization.QuantFormat.QDQ)
        # The model as it is defined: on x86 processors without VNNI, the fused kernels saturate sums of
        # products of 8 bits (measured on a network of three layers: a change of 0.8 in place of 0.04).
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (y,) = session.run(None, {"x": x.astype(np.float32)})
    return _largest_change(y, exact)
