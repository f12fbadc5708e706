"""The enclosures of the exact flow against solutions to 50 digits: is every one of them held?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from soundness_taylor import ExactField, exact, flow_by_odefun, mp

import vanillaflow as vf
from vanillaflow.enclosures.forms import Forms
from vanillaflow.enclosures.integrator import integrator
from vanillaflow.enclosures.monomials import monomials
from vanillaflow.enclosures.patches import integrate

# What remainders may add up to: steps are long and remainders all that counts, or as short as they get and
# roundings count.
_COARSE, _FINE = 1e-6, 1e-12
_HALF = 1e-3
# The half width of patches with Taylor models, as a part of the box's width.
_PATCH = 0.03
_DEGREES = {1: 5, 2: 4, 3: 3}


@dataclass(frozen=True, eq=False)
class Compared:
    """How many points were not enclosed and how many coordinates lie outside; |difference| / radius and the
    radius of each coordinate of each point that is enclosed."""

    lost: int
    violations: int
    ratios: Float[np.ndarray, " m"]
    radii: Float[np.ndarray, " m"]

    @classmethod
    def joined(cls, parts: list[Compared]) -> Compared:
        return cls(
            sum(part.lost for part in parts),
            sum(part.violations for part in parts),
            np.concatenate([part.ratios for part in parts]),
            np.concatenate([part.radii for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Forms that are to hold the states at the end, of points with the values `symbols` (n, s) of the first s
    symbols; `found` (n,) says for which points there are any."""

    forms: Forms
    symbols: list[list]
    found: np.ndarray

    def against(self, states: list[list]) -> Compared:
        """Exact states of the points against those that are enclosed.

        The radius is what other symbols than the first s and r leave open.
        """
        ratios, radii = [], []
        for n in np.flatnonzero(self.found):
            for i in range(len(self.forms.c)):
                middle = mp.mpf(float(self.forms.c[i, n]))
                g = [mp.mpf(float(v)) for v in self.forms.g[:, i, n]]
                s = len(self.symbols[n])
                middle += mp.fdot(g[:s], self.symbols[n])
                radius = mp.fsum(g[s:], absolute=True) + mp.mpf(float(self.forms.r[i, n]))
                off = abs(states[n][i] - middle)
                ratios.append(off / radius if radius > 0 else mp.inf if off > 0 else mp.zero)
                radii.append(radius)
        lost = int(np.count_nonzero(~self.found))
        # A ratio hardly above 1 must not be rounded to it.
        violations = sum(ratio > 1 for ratio in ratios)
        return Compared(
            lost, violations, np.array(ratios, dtype=np.float64), np.array(radii, dtype=np.float64)
        )


def enclosures(
    target: vf.FlowMap, x: Float[np.ndarray, "n d"], rng: np.random.Generator
) -> dict[str, Enclosure]:
    """Every way in which the states of the points x are enclosed, each of all points at once."""
    return {
        f"points, {_COARSE:g}": _of_points(target, x, _COARSE),
        f"points, {_FINE:g}": _of_points(target, x, _FINE),
        "boxes": _of_boxes(target, x, rng),
        "cells of patches": _of_cells(target, x, rng),
    }


def _of_points(target: vf.FlowMap, x: np.ndarray, tolerance: float) -> Enclosure:
    n, d = x.shape
    run = integrator(target.field, target.duration, tolerance)
    forms, found = run(Forms(x.T.copy(), np.zeros((0, d, n)), np.zeros((d, n))))
    return Enclosure(forms, [[] for _ in x], found)


def _of_boxes(target: vf.FlowMap, x: np.ndarray, rng: np.random.Generator) -> Enclosure:
    """Boxes of half width _HALF with the points somewhere in them."""
    n, d = x.shape
    centers = x - _HALF * rng.uniform(-0.999, 0.999, (n, d))
    halves = np.full((n, d), _HALF)
    run = integrator(target.field, target.duration, _COARSE)
    forms, found = run(Forms(centers.T.copy(), _boxes(halves), np.zeros((d, n))))
    return Enclosure(forms, _symbols(x, centers, halves), found)


def _of_cells(target: vf.FlowMap, x: np.ndarray, rng: np.random.Generator) -> Enclosure:
    """Cells of half width _HALF within patches, as certificates have them: Taylor models, shifted."""
    n, d = x.shape
    halves = np.broadcast_to(_PATCH * target.domain.width, (n, d)).copy()
    patch = x - (halves - 2 * _HALF) * rng.uniform(-0.999, 0.999, (n, d))
    run = integrator(target.field, target.duration, _COARSE)
    found = integrate(run, monomials(d, _DEGREES[d]), patch, halves)
    centers, small = x - _HALF * rng.uniform(-0.999, 0.999, (n, d)), np.full((n, d), _HALF)
    forms = found.forms(np.arange(n), centers, small)
    return Enclosure(forms, _symbols(x, centers, small), np.isfinite(forms.r).all(axis=0))


def _boxes(halves: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d n"]:
    n, d = halves.shape
    g = np.zeros((d, d, n))
    g[np.arange(d), np.arange(d)] = halves.T
    return g


def _symbols(x: np.ndarray, centers: np.ndarray, halves: np.ndarray) -> list[list]:
    """The values of the symbols at the points x, which must lie in the boxes."""
    found = [[(p - c) / h for p, c, h in zip(*rows)] for rows in zip(exact(x), exact(centers), exact(halves))]
    assert max(abs(e) for row in found for e in row) <= 1
    return found


def compared(name: str, count: int, seed: int) -> dict[str, Compared]:
    """`count` random points of a system, enclosed in every way, against 50 digits."""
    system = vf.zoo.load(name)
    target, x = system.target(), system.domain.uniform(count, seed=seed)
    field = ExactField.of(target.field)
    states = [field.flow(point, target.duration) for point in x]
    ways = enclosures(target, x, np.random.default_rng(seed))
    return {way: enclosure.against(states) for way, enclosure in ways.items()}


def disagreement(name: str) -> float:
    """How far the two ways to 50 digits are apart at a random point of a system."""
    system = vf.zoo.load(name)
    x = system.domain.uniform(1, seed=12)[0]
    first = ExactField.of(system.field).flow(x, system.duration)
    return float(max(abs(p - q) for p, q in zip(first, flow_by_odefun(system.field, x, system.duration))))
