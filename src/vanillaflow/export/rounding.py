"""A network's numbers in the precision of an export."""

from __future__ import annotations

import numpy as np

from ..network import FeedforwardNetwork
from ..validation import require_count

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
