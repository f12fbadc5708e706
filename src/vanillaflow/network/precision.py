"""A network in the precision of its file: the numbers that it stores, and what it computes with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..validation import require_count
from .feedforward import FeedforwardNetwork

DTYPES = ("float32", "float64")


def first_outputs(network: FeedforwardNetwork, outputs: int | None) -> int:
    """How many outputs an export gives, all by default; raises ValueError unless 1 <= outputs <= dim."""
    return network.dim if outputs is None else require_count("outputs", outputs, network.dim)


def rounded_layers(
    network: FeedforwardNetwork, dtype: str
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """The weights, biases and slopes of the network, of the same shapes, rounded to `dtype`.

    Raises ValueError for a dtype that is neither "float32" nor "float64", and, naming the layer, for a
    weight or bias that overflows or a slope that becomes 0: such a network would not be the same map.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    with np.errstate(over="ignore", under="ignore"):
        weights, biases = ([array.astype(dtype) for array in a] for a in (network.weights, network.biases))
        slopes = network.slopes.astype(dtype)
    for name, arrays in (("weights", weights), ("biases", biases)):
        for layer, array in enumerate(arrays):
            if not np.all(np.isfinite(array)):
                raise ValueError(f"the {name} of layer {layer} overflow {dtype}; export as float64")
    lost = (slopes == 0) & (network.slopes != 0)
    if np.any(lost):
        layer = int(np.argwhere(lost)[0, 0])
        raise ValueError(f"the slope of layer {layer} becomes 0 in {dtype}; export as float64")
    return weights, biases, slopes


def in_precision(network: FeedforwardNetwork, dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    """The network with numbers, inputs and arithmetic of `dtype`, as a function (n, d) -> (n, d) float64.

    It differs from a runtime's evaluation of the exported file only in the order of summation. Raises
    ValueError as `rounded_layers` does.
    """
    weights, biases, slopes = rounded_layers(network, dtype)

    def evaluate(x: np.ndarray) -> np.ndarray:
        # What overflows is infinite or not a number, as it is in a runtime.
        with np.errstate(over="ignore", invalid="ignore"):
            y = np.asarray(x).astype(dtype)
            for W, b, slope in zip(weights[:-1], biases[:-1], slopes):
                y = y @ W.T + b
                y = np.maximum(y, slope * y)
            return (y @ weights[-1].T + biases[-1]).astype(np.float64)

    return evaluate
