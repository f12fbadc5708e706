"""A start for the refinement: the duration cut into slices, each fitted on its own, then composed.

Over a short time the flow is close to the identity, and a few planar maps fitted to it stay weak. A
composition of many weak maps is often a far better start than a few strong ones: their hyperplanes, carried
back to the box by the flow, spread over it. The slices are fitted to the exact flow between two times, on the
states that the box's trajectories have then; the field's own form does not matter.
"""

from __future__ import annotations

import numpy as np

from ...box import search_points
from ...planar.affine import affine_fit
from ...sampling.samples import Samples
from ...target import Target
from .growth import grow
from .least_squares.least_squares import minimize
from .parameters import Parameters, project
from .settings import DEFAULTS, Settings


def affine_start(x: np.ndarray, y: np.ndarray, held: int = 0, settings: Settings = DEFAULTS) -> Parameters:
    """The affine map that is closest to y at the points x in the mean square, and no planar maps."""
    none = np.zeros((0, x.shape[1]))
    return project(none, none, np.zeros(0), *affine_fit(x, y, held), held, settings)


def sliced_start(
    target: Target,
    kinks: int,
    slices: int,
    rng: np.random.Generator,
    seed: int,
    settings: Settings = DEFAULTS,
) -> Parameters:
    """`kinks` planar maps, evenly on `slices` equal parts of the duration, that follow the flow."""
    counts = np.full(slices, kinks // slices)
    counts[: kinks - counts.sum()] += 1
    x = search_points(target.domain, settings.starts.slice_points, seed)
    states = target.trajectory(x, np.linspace(0, target.duration, counts.size + 1))
    parts = []
    for x, y, n in zip(states[:-1], states[1:], counts.tolist()):
        samples, part = Samples(x, y), affine_start(x, y, target.held, settings)
        part = grow(part, samples, n, rng, settings.starts.slice_candidates)
        parts.append(minimize(part, samples, 2.0, settings.starts.slice_steps, rng).parameters)
    return compose(parts)


def compose(parts: list[Parameters]) -> Parameters:
    """The composition, first to last, with all affine maps moved to the end."""
    d, held, settings = parts[0].dim, parts[0].held, parts[0].settings
    M, m = np.eye(d), np.zeros(d)
    a, w, t = [], [], []
    for part in parts:
        a.append(np.linalg.solve(M, part.a.T).T)
        w.append(part.w @ M)
        t.append(part.t - part.w @ m)
        M, m = part.M @ M, part.M @ m + part.m
    return project(np.concatenate(a), np.concatenate(w), np.concatenate(t), M, m, held, settings)
