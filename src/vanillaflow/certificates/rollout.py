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
    """Measure the largest error of `flow.rollout` after 0, 1, ..., `steps` applications.

    The flow is compared with the exact flow applied as often. Nothing is promised outside the target's
    domain, so a point counts for as long as its exact trajectory was in it at all steps before. If the field
    has a Lipschitz constant K, an error e per step of duration T grows to at most
    e (exp(n K T) - 1) / (exp(K T) - 1) after n steps (Gronwall); for a contracting flow it stays bounded.

    Parameters
    ----------
    flow
        The compiled flow.
    target
        The exact flow, of a field that does not depend on time.
    steps
        The number of applications.
    points
        The number of points in the interior of the domain; half as many are on its boundary.
    seed
        The seed of the points.

    Returns
    -------
    errors : (steps + 1,) array
        The largest errors, max norm; nan where no point counted.
    counted : (steps + 1,) array
        The part of the points that counted.

    Raises
    ------
    ValueError
        For bad arguments.
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
