"""What an exported network computes, evaluated here: to measure a file's error without a runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..network import FeedforwardNetwork
from .rounding import rounded_layers


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
