"""The sampled certificate: the largest error that a thorough search finds, a lower bound of the supremum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..planar.flow import PlanarFlow
from ..sampling.search import largest_error
from ..target import Target
from .certificate import Finding


def certify_sampled(
    flow: Callable[[np.ndarray], np.ndarray], target: Target | PlanarFlow, seed: int = 0, **options: Any
) -> Finding:
    """Return what `sampling.search.largest_error` finds with these options.

    `certify` climbs for each output, and by default searches a network, whose kinks it does not know, by
    32,768 points, 48 starts and 40 rounds.
    """
    found = largest_error(flow, target, seed=seed, **options)
    return Finding(
        method="sampled",
        bound=found.largest,
        per_output=found.per_output,
        worst_point=found.point,
        confidence=0.0,
        points=found.points,
        largest=found.largest,
        seed=seed,
    )
