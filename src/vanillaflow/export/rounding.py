"""A network's numbers in the precision of an export."""

from __future__ import annotations

import numpy as np

from ..network import FeedforwardNetwork
from ..validation import require_count

DTYPES = ("float32", "float64")


def first_outputs(network: FeedforwardNetwork, outputs: int | None) -> int:
    """How many outputs an export gives, all by default; raises ValueError unless 1 <= outputs <= width."""
    return network.width if outputs is None else require_count("outputs", outputs, network.width)


def rounded_layers(network: FeedforwardNetwork, dtype: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The weights (depth + 1, d, d), biases (depth + 1, d) and slopes (depth,), rounded to `dtype`.

    Raises ValueError for a dtype that is neither "float32" nor "float64", and, naming the layer, for a
    weight or bias that overflows or a slope that becomes 0: such a network would not be the same map.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    with np.errstate(over="ignore", under="ignore"):
        weights, biases, slopes = (
            array.astype(dtype) for array in (network.weights, network.biases, network.slopes)
        )
    for name, array in (("weights", weights), ("biases", biases)):
        overflows = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        if overflows.any():
            raise ValueError(
                f"the {name} of layer {int(np.argmax(overflows))} overflow {dtype}; export as float64"
            )
    if np.any(slopes == 0):
        raise ValueError(
            f"the slope of layer {int(np.argmin(slopes))} becomes 0 in {dtype}; export as float64"
        )
    return weights, biases, slopes
