"""What is certified, as a function: a PlanarFlow, or a network in the precision of its file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..network.feedforward import FeedforwardNetwork
from ..network.precision import in_precision
from ..planar.flow import PlanarFlow


def evaluator(flow: PlanarFlow | FeedforwardNetwork, dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    """The flow or network as a function, in precision `dtype`. Raises ValueError as `network_hash` does."""
    if isinstance(flow, FeedforwardNetwork):
        return in_precision(flow, dtype)
    if dtype != "float64":
        raise ValueError(f"a PlanarFlow is evaluated in float64, not {dtype}; take its network for another")
    return flow
