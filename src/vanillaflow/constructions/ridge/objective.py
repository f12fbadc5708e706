"""What fits of smooth ridge maps lower: a p-norm of their error at samples and of what pieces will add to it.

In n equal pieces a profile is off by f'' h^2 / 16 (`pieces`), which is F'' / (4 n^2) for derivatives with
respect to the unit variable of its range. Samples alone say little about the ends of the ranges, which few
points reach: polynomials bend ten times as much there as in the middle, and need grids that much finer. So
these numbers are entries of the residual, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float

from ...deadline import check
from ...runtime.threads import side_by_side
from ...sampling.samples import Samples, p_norm
from .maps import RidgeMaps


@dataclass(frozen=True, eq=False)
class Objective:
    """N(p)^p = mean |r|^p + sum over ridge maps of mean |b|^p + mean |h|^p.

    r is the error at the samples; b what the ridge map is off by in so many pieces, at equidistant nodes of
    its range, and h what it would be off by for not folding over, where it does. Pieces without end are off
    by nothing.
    """

    samples: Samples
    pieces: float = np.inf

    def __len__(self) -> int:
        return len(self.samples)

    def thin(self, most: int) -> Objective:
        """The same at no more than so many of the samples, at equal distances."""
        rows = slice(None, None, -(-len(self) // most))
        return replace(self, samples=Samples(self.samples.x[rows], self.samples.y[rows]))

    def residual(self, maps: RidgeMaps) -> Float[np.ndarray, "n d"]:
        """The error at the samples."""
        return maps(self.samples.x) - self.samples.y

    def norm(self, maps: RidgeMaps, residual: Float[np.ndarray, "n d"], p: float) -> float:
        """N(p), for the residual that `residual` gives."""
        parts = [p_norm(residual, p)]
        for of_maps in (self._off(maps), self._folds(maps)):
            if of_maps.any():
                parts.append(len(of_maps) ** (1 / p) * p_norm(of_maps, p))
        return len(parts) ** (1 / p) * p_norm(np.array(parts), p)

    def normal_equations(
        self, maps: RidgeMaps, residual: Float[np.ndarray, "n d"], p: float, norm: float
    ) -> tuple[Float[np.ndarray, "P P"], Float[np.ndarray, " P"]]:
        """(p - 1) sum |r|^(p-2) Dr^T Dr and sum |r|^(p-2) r Dr, with r in units of its norm.

        For p > 2 from the samples that make up nearly all of the norm.
        """
        H, g = _of_samples(maps, self.samples.x, residual, p, norm)
        if np.isfinite(self.pieces):
            self._add_bends(H, g, maps, p, norm)
        self._add_folds(H, g, maps, p, norm)
        return H, g

    def _off(self, maps: RidgeMaps) -> Float[np.ndarray, "R nodes d"]:
        return maps.bends() / (4 * self.pieces**2)

    def _folds(self, maps: RidgeMaps) -> Float[np.ndarray, "R nodes"]:
        """What pieces that do not fold over are off by where a slope is below the least."""
        missing = np.maximum(maps.settings.objective.least_slope - maps.slopes(), 0)
        return self._moved(maps) / 2 * (maps.high - maps.low)[:, None] * missing

    def _moved(self, maps: RidgeMaps) -> float:
        """How far a step of length 1 before the affine map moves the output."""
        return maps.settings.objective.fold * float(np.sqrt(np.mean(maps.M**2) * maps.m.size))

    def _add_bends(self, H: np.ndarray, g: np.ndarray, maps: RidgeMaps, p: float, norm: float) -> None:
        off = self._off(maps)
        basis = maps.bend_basis() / (4 * self.pieces**2)
        # Means become sums over the samples.
        weights = (np.abs(off) / norm) ** (p - 2) * (len(self) / len(basis))
        for r, numbers in enumerate(maps.numbers_of_profiles()):
            for i, of_coordinate in enumerate(numbers.T):
                weighted = basis.T * weights[r, :, i]
                H[np.ix_(of_coordinate, of_coordinate)] += (p - 1) * weighted @ basis
                g[of_coordinate] += weighted @ off[r, :, i]

    def _add_folds(self, H: np.ndarray, g: np.ndarray, maps: RidgeMaps, p: float, norm: float) -> None:
        folds, moved, basis = self._folds(maps), self._moved(maps), maps.slope_basis()
        e = maps.m.size - maps.held
        profiles, directions = maps.numbers_of_profiles(), maps.numbers_of_directions()
        for r in np.flatnonzero(folds.any(axis=1)):
            rows = folds[r] > 0
            T = basis[rows]
            by_profile = -moved * (T[:, :, None] * maps.w[r, :e]).reshape(len(T), -1)
            J = np.column_stack([by_profile, -moved * T @ maps.F[r]])
            weights = (folds[r, rows] / norm) ** (p - 2) * (len(self) * maps.m.size / len(basis))
            numbers = np.concatenate([profiles[r].ravel(), directions[r]])
            H[np.ix_(numbers, numbers)] += (p - 1) * (J.T * weights) @ J
            g[numbers] += J.T @ (weights * folds[r, rows])


def pieces_for(maps: RidgeMaps, goal: float) -> float:
    """About as many pieces to a profile as keep what they add to the error, all together, near the goal, if
    profiles bend everywhere as they do in the middle; without end if they do not bend."""
    typical = np.median(np.abs(maps.bends()), axis=1)
    together = float(np.sqrt((typical**2).sum(axis=0)).max(initial=0.0)) / 4
    return maps.settings.objective.more_pieces * float(np.sqrt(together / goal)) if together else np.inf


def _of_samples(
    maps: RidgeMaps, x: Float[np.ndarray, "n d"], residual: Float[np.ndarray, "n d"], p: float, norm: float
) -> tuple[np.ndarray, np.ndarray]:
    settings = maps.settings.objective
    weights = (np.abs(residual) / norm) ** (p - 2)
    if p > 2:
        share = (weights * residual**2).sum(axis=1)
        order = np.argsort(-share, kind="stable")
        rows = order[: int(np.searchsorted(np.cumsum(share[order]), settings.covered * share.sum())) + 1]
        x, residual, weights = x[rows], residual[rows], weights[rows]

    points = min(settings.chunk, max(1, settings.numbers // (x.shape[1] * maps.count)))

    def part_of(first: int) -> tuple[np.ndarray, np.ndarray]:
        check()
        part = slice(first, first + points)
        # Where there are many points, float32: a damped step needs no more.
        dtype = np.float64 if len(x) <= settings.chunk else np.float32
        J = maps.jacobian(maps.states(x[part]), dtype).reshape(residual[part].size, -1)
        roots = np.sqrt(weights[part]).astype(dtype)
        J *= roots.reshape(-1, 1)
        g = J.T @ (roots * residual[part]).astype(dtype).ravel()
        return (p - 1) * (J.T @ J), g

    parts = side_by_side([partial(part_of, first) for first in range(0, len(x), points)])
    return np.sum([H for H, _ in parts], axis=0), np.sum([g for _, g in parts], axis=0)
