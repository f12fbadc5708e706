"""How far a network is from the flow it stands for, and how that is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..network import FeedforwardNetwork
from ..planar import PlanarFlow
from ..target import FlowMap
from .certificate import Certificate
from .sampled import certify_sampled

__all__ = ["Certificate", "certify"]

_METHODS: dict[str, Callable[..., Certificate]] = {"sampled": certify_sampled}


def certify(
    flow: PlanarFlow | FeedforwardNetwork,
    target: FlowMap,
    method: str = "sampled",
    seed: int = 0,
    **options: Any,
) -> Certificate:
    """The supremum over the box of the max norm of flow(x) - target(x), as far as `method` can tell.

    method="sampled": the largest error found on low-discrepancy points, faces, corners and by a local search
    from the worst of them. A lower bound of the supremum, and in practice close to it; see
    `sampled.certify_sampled` for the options.

    Raises ValueError for an unknown method or when the dimensions differ.
    """
    if method not in _METHODS:
        raise ValueError(f"unknown certification method {method!r}; known are {', '.join(sorted(_METHODS))}")
    if flow.dim != target.dim:
        raise ValueError(f"the flow has dimension {flow.dim} but the target has dimension {target.dim}")
    return _METHODS[method](flow, target, seed=seed, **options)
