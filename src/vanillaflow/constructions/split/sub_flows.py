"""Sub-flows: the exact flows that a splitting is made of, and their maps with piecewise-linear displacements.

A sub-flow of ridge pieces moves x by sum_k a_k D_k(w_k.x + b_k), with scalar functions D_k; these are what
kinks approximate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ...deadline import check
from ...errors import ToleranceNotReached
from ...fields.ridge import RidgeField
from ...planar.assembly import AffineMap, RidgeMaps
from ..piecewise_linear import PiecewiseLinear
from .commuting import commuting_blocks
from .schemes import Scheme, sequence
from .settings import DEFAULTS, Settings


@lru_cache(maxsize=32)
def _affine_flow(field: RidgeField, tau: float, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """field.affine_flow(tau), with a bounded condition number in large dimension.

    What a stiff flow such as diffusion damps by more than that within one sub-flow it damps by just so much,
    and again in the next: so no matrix of the network is close to singular, and all can be inverted. The
    error is part of the splitting error, which is measured; k sub-flows leave limit^-k of what decays.

    Remembered: one scheme asks for the same few times step after step.
    """
    bounded = field.dim >= settings.large and field.ridges > 0
    # Backwards in time, as some schemes go, stiff decay leaves all bounds.
    with np.errstate(over="ignore", invalid="ignore"):
        return field.affine_flow(tau, settings.most_condition if bounded else np.inf)


@lru_cache(maxsize=64)
def _blocks(field: RidgeField, settings: Settings) -> list[tuple[int, ...]]:
    return commuting_blocks(field, settings)


Part = tuple[tuple[int, ...], PiecewiseLinear]
"""Some of the pieces of a sub-flow, and what stands for their displacement."""


@dataclass(frozen=True, eq=False)
class SubFlow:
    """The flow of some pieces of `field`, which commute, for time `tau` (negative in some schemes).

    Without pieces it is the flow of the affine piece A x + c.
    """

    field: RidgeField
    pieces: tuple[int, ...]
    tau: float
    settings: Settings = DEFAULTS

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """The exact flow at the rows of x."""
        check()
        if not self.pieces:
            M, m = _affine_flow(self.field, self.tau, self.settings)
            with np.errstate(invalid="ignore", over="ignore"):
                return x @ M.T + m
        moved = x.copy()
        for group in self.alike():
            pieces = list(group)
            nu = x @ self.field.w[pieces].T + self.field.b[pieces]
            moved += self.field.ridge_displacement(group[0], self.tau, nu) @ self.field.a[pieces]
        return moved

    def ranges(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "2 _"]:
        """The least and the largest argument w_k.x + b_k of each piece at the points x."""
        pieces = list(self.pieces)
        nu = x @ self.field.w[pieces].T + self.field.b[pieces]
        return np.array([nu.min(axis=0), nu.max(axis=0)])

    def alike(self) -> list[tuple[int, ...]]:
        """The pieces grouped by profile and mu: by their displacement."""
        groups: dict[tuple[int, float], list[int]] = {}
        for k in self.pieces:
            groups.setdefault((id(self.field.profiles[k]), float(self.field.mu[k])), []).append(k)
        return [tuple(group) for group in groups.values()]

    def image(self, x: Float[np.ndarray, "n d"], parts: list[Part]) -> Float[np.ndarray, "n d"]:
        """What `maps` makes of the rows of x, without the maps."""
        check()
        if not self.pieces:
            return self(x)
        moved = x.copy()
        for some, D in parts:
            pieces = list(some)
            nu = x @ self.field.w[pieces].T + self.field.b[pieces]
            moved += D(nu) @ self.field.a[pieces]
        return moved

    def maps(self, parts: list[Part]) -> AffineMap | RidgeMaps:
        """The sub-flow with piecewise-linear functions for the displacements of its pieces.

        With D piecewise linear of slopes s_0..s_m and breaks nu_j, the map x + a D(nu) is the affine map
        x + a (s_0 nu + intercept) followed, in ascending order, by kinks. Before kink j the argument at nu_j
        has come to nu_j + mu D(nu_j) and its slope in nu is 1 + mu s_{j-1}; so kink j is a planar map at that
        threshold, with direction a (s_j - s_{j-1}) / (1 + mu s_{j-1}).
        """
        if not self.pieces:
            return AffineMap(*_affine_flow(self.field, self.tau, self.settings))
        D: dict[int, PiecewiseLinear] = {}
        for some, function in parts:
            D |= dict.fromkeys(some, function)
        slope, offset, beta, t = [], [], [], []
        for k in self.pieces:
            mu, b, slopes = float(self.field.mu[k]), float(self.field.b[k]), D[k].slopes
            stretch = 1 + mu * slopes
            if np.min(stretch) <= 0:
                # The exact h increases; its chords do too. Only the balancing of a coarse fit can break that.
                raise ToleranceNotReached(f"a sub-flow of ridge {k} is too steep for {slopes.size - 1} kinks")
            slope.append(slopes[0])
            offset.append(slopes[0] * b + D[k].intercept)
            beta.append(np.diff(slopes) / stretch[:-1])
            t.append(D[k].breaks + mu * D[k].at_breaks - b)
        pieces = list(self.pieces)
        return RidgeMaps(
            self.field.a[pieces],
            self.field.w[pieces],
            np.array(slope),
            np.array(offset),
            tuple(beta),
            tuple(t),
        )


def sub_flows(
    segments: list[tuple[RidgeField, float]], scheme: Scheme, steps: int, settings: Settings = DEFAULTS
) -> Iterator[SubFlow]:
    """The sub-flows of a scheme with `steps` steps over the segments, shared out among them.

    What it splits is the affine piece, if there is one, and the blocks of ridge pieces that commute.
    """
    duration = sum(length for _, length in segments)
    for segment, length in segments:
        blocks = _blocks(segment, settings)
        parts = list(range(len(blocks)))
        if np.any(segment.A) or np.any(segment.c):
            parts.insert(0, Scheme.affine)
        share = max(1, round(steps * length / duration))
        for part, fraction in sequence(scheme, parts, share):
            pieces = () if part == Scheme.affine else blocks[part]
            yield SubFlow(segment, pieces, fraction * length, settings)
