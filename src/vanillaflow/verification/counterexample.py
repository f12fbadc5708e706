"""Counterexamples: starts whose trajectories violate a property, proved by the validated integrator."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from ..enclosures.forms import Forms
from ..enclosures.integrator import Integrator
from ..target import Target
from .branch_and_bound import slack, surely_within
from .properties import UnsafeSet

# Starts from which a local search for the deepest goes, its rounds, and the points of each, as a power of 2.
_SEARCHES, _ROUNDS, _LOG_TRIED = 4, 14, 5


def counterexample(
    target: Target, exact: Integrator, unsafe: UnsafeSet, starts: Float[np.ndarray, "n d"]
) -> tuple[np.ndarray, np.ndarray] | None:
    """A start in the box and the middle of an enclosure of its image, all of which is in the unsafe set.

    Tried are the given starts and, where none will do, what a local search on the flow finds from the best of
    them. None if that finds nothing that can be proved.
    """
    if len(starts) == 0:
        return None
    depth = slack(unsafe, target(starts))
    order = np.argsort(depth)
    best = starts[order[:_SEARCHES]]
    found = _prove(exact, unsafe, best[depth[order[:_SEARCHES]] <= 0])
    if found is not None:
        return found
    for start in best:
        found = _prove(exact, unsafe, _deepest(target, unsafe, start)[None])
        if found is not None:
            return found
    return None


def _deepest(target: Target, unsafe: UnsafeSet, start: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """A start near the given one whose image is as deep in the unsafe set as was found.

    Each round tries points of a box around the deepest one so far, half as large as the one before; many at
    once, as the solver takes hardly longer for these than for one.
    """
    box = unsafe.box
    offsets = 2 * qmc.Sobol(box.dim, rng=0).random_base2(_LOG_TRIED) - 1
    best = start
    for shrink in range(_ROUNDS):
        tried = box.clip(best + 0.25 * 0.5**shrink * box.width * offsets)
        tried = np.concatenate([best[None], tried])
        best = tried[np.argmin(slack(unsafe, target(tried)))]
    return best


def _prove(
    exact: Integrator, unsafe: UnsafeSet, starts: Float[np.ndarray, "n d"]
) -> tuple[np.ndarray, np.ndarray] | None:
    for start in starts:
        d = len(start)
        image, found = exact(Forms(start[:, None].copy(), np.zeros((0, d, 1)), np.zeros((d, 1))))
        if found[0] and unsafe.box.contains(start[None])[0] and surely_within(image, unsafe)[0]:
            return start, image.c[:, 0]
    return None
