"""How errors grow when a flow is applied again and again."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from ..box import search_points
from ..planar.flow import PlanarFlow
from ..target import Target
from ..validation import require_positive


def rollout_errors(
    flow: PlanarFlow, target: Target, steps: int, points: int = 2048, seed: int = 0
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The largest error of `flow.rollout` after 0, 1, ..., `steps` applications, and where it was looked for.

    Compares with the exact flow applied as often, from `points` interior and half as many boundary points of
    the target's domain. Nothing is promised outside it, so a point counts for as long as its exact trajectory
    was in it at all steps before. The second array is the part of the points that counted; where none did,
    the error is nan. If the field has a Lipschitz constant K, an error e per step of duration T grows to at
    most e (exp(n K T) - 1) / (exp(K T) - 1) after n steps (Gronwall); for a contracting flow it stays
    bounded. Only for fields that do not depend on time. Raises ValueError for bad arguments.
    """
    require_positive("steps", steps)
    if flow.dim != target.dim:
        raise ValueError(f"the flow has dimension {flow.dim} but the target has dimension {target.dim}")
    ours = exact = search_points(target.domain, points, seed)
    total = len(exact)
    errors, counted = [0.0], [1.0]
    for _ in range(steps):
        inside: Bool[np.ndarray, " n"] = target.domain.contains(exact)
        ours, exact = flow(ours[inside]), target(exact[inside])
        errors.append(float(np.abs(ours - exact).max()) if len(exact) else np.nan)
        counted.append(len(exact) / total)
    return np.array(errors), np.array(counted)
