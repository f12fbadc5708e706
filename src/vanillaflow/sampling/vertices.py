"""Where the error of a planar flow has its peaks: at the vertices and the centers of the cells of its kinks.

A fitted piecewise-linear map errs to one side at vertices, where kinks cross, and to the other at the centers
of cells. Near a vertex the error is a cone, which samples miss by the cone's slope times their spacing; and
cells are narrow where there are many kinks. Going there does not miss them.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..planar.flow import PlanarFlow
from ..runtime.threads import parts_of, side_by_side
from .vertex_kernels import steps_to_peaks

# The place lies in the piece around the point, or just outside; then another step corrects the first.
_STEPS = 2
# A hyperplane counts as crossing others if so much of its unit normal is orthogonal to theirs. Fewer than d
# always leave a face with 1 / sqrt(d) or more.
_LEAST_SINE = 0.2
# Two are parallel if their unit normals have at least this product.
_PARALLEL = 0.95


def vertices(flow: PlanarFlow, x: Float[np.ndarray, "n d"], domain: Box) -> Float[np.ndarray, "n d"]:
    """For each point, one nearby where d hyperplanes of the flow, or faces of the domain, cross.

    The hyperplanes are the nearest of each that differ in direction. Points without any near them, as in a
    flow of fewer than d maps, go to a corner of the domain.
    """
    return _peaks(flow, x, domain, to_center=False)


def cell_centers(flow: PlanarFlow, x: Float[np.ndarray, "n d"], domain: Box) -> Float[np.ndarray, "n d"]:
    """For each point the center between the hyperplanes of the flow, or faces of the domain, around it.

    In the directions of the nearest of them that differ; a point does not move in directions in which there
    are no two parallel ones around it.
    """
    return _peaks(flow, x, domain, to_center=True)


def _peaks(flow: PlanarFlow, x: np.ndarray, domain: Box, to_center: bool) -> np.ndarray:
    least = min(_LEAST_SINE, 0.5 / np.sqrt(flow.dim)) ** 2
    arrays = flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m, domain.low, domain.high
    steps = np.empty_like(x, order="C")
    for _ in range(_STEPS):
        tasks = [
            partial(steps_to_peaks, x[part], *arrays, least, _PARALLEL, to_center, steps[part])
            for part in parts_of(len(x))
        ]
        side_by_side(tasks)
        x = domain.clip(x + steps)
    return x
