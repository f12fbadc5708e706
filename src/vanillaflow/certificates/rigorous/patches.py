"""Patches of the box with Taylor models of the exact flow, from which forms over smaller cells come.

The exact flow is smooth, a network is not: cells must be small where kinks are. So the flow is integrated
over few patches, as polynomials in the patch's symbols with a small rest; and over any cell within a patch
the polynomial is one in other symbols, found by shifting and scaling, without a new integration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from math import comb

import numpy as np
from jaxtyping import Float, Int

from ...box import Box
from .checkpoint import Checkpoint
from .forms import ROUNDING, UP, Forms
from .integrator import Integrator
from .monomials import Monomials
from .workers import Workers, batches

# Patches that are integrated together: some symbols of a few hundred of them fit into the cache.
_BATCH = 128
# And between two looks at the clock.
_AT_ONCE = 16 * _BATCH
# A rest may become smaller again, but hardly so much.
_MOST_ON_THE_WAY = 8.0
# Roundings of a coefficient that is shifted and scaled: of the powers and the products, besides its sum's.
_ROUNDINGS = 64
_ARRAYS = ("centers", "halves", "c", "g", "rest")


@dataclass(frozen=True, eq=False)
class Patches:
    """Boxes with centers and halves (n, d), and the flow over them: c (n, d) and g (n, T, d) are the
    coefficients of polynomials, and `rest` (n, d) bounds what these leave, infinite where nothing was found.
    """

    monomials: Monomials
    centers: Float[np.ndarray, "n d"]
    halves: Float[np.ndarray, "n d"]
    c: Float[np.ndarray, "n d"]
    g: Float[np.ndarray, "n T d"]
    rest: Float[np.ndarray, "n d"]

    def __len__(self) -> int:
        return len(self.centers)

    def rows(self, index: np.ndarray) -> Patches:
        return self.of(self.monomials, {name: array[index] for name, array in self.arrays().items()})

    def joined(self, other: Patches) -> Patches:
        others = other.arrays()
        every = {name: np.concatenate([array, others[name]]) for name, array in self.arrays().items()}
        return self.of(self.monomials, every)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in _ARRAYS}

    @staticmethod
    def of(monomials: Monomials, arrays: dict[str, np.ndarray]) -> Patches:
        return Patches(monomials, *(arrays[name] for name in _ARRAYS))

    @staticmethod
    def none(monomials: Monomials) -> Patches:
        d = monomials.dim
        empty = np.zeros((0, d))
        return Patches(monomials, empty, empty, empty, np.zeros((0, len(monomials), d)), empty)

    def forms(
        self,
        patch: Int[np.ndarray, " k"],
        centers: Float[np.ndarray, "k d"],
        halves: Float[np.ndarray, "k d"],
    ) -> Forms:
        """d forms in d symbols for each of k cells: the flow over these boxes within patches of that number.

        In the patch's symbols a cell is e_i = shift_i + scale_i f_i, with symbols f_i of its own.
        """
        k, d = centers.shape
        shift = (centers - self.centers[patch]) / self.halves[patch]
        scale = halves / self.halves[patch]
        powers = np.ones((2, self.monomials.degree + 1, d, k))
        for p in range(1, self.monomials.degree + 1):
            powers[0, p], powers[1, p] = powers[0, p - 1] * shift.T, powers[1, p - 1] * scale.T
        out, size = np.zeros((len(self.monomials) + 1, d, k)), np.zeros((d, k))
        polynomial = np.concatenate([self.c[patch][:, None], self.g[patch]], axis=1).transpose(1, 2, 0)
        for source, result, factor, of_shift, of_scale in _expansion(self.monomials):
            term = np.full(k, float(factor))
            for i in range(d):
                term = term * (powers[0, of_shift[i], i] * powers[1, of_scale[i], i])
            term = term * polynomial[source]
            out[result] += term
            size += np.abs(term)
        # Even powers lie between 0 and 1: half of that goes to the center.
        c, r = out[0], self.rest[patch].T + (_ROUNDINGS + len(self.monomials)) * ROUNDING * size
        for number in range(d, len(self.monomials)):
            coefficient = out[number + 1]
            if np.all(self.monomials.exponents[number] % 2 == 0):
                c, coefficient = c + 0.5 * coefficient, 0.5 * coefficient
            r = r + np.abs(coefficient)
        return Forms(c, out[1 : d + 1], r * UP)


# Numbers of two monomials, 0 being the constant; a factor, and the powers of shift and scale.
_Term = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=16)
def _expansion(monomials: Monomials) -> list[_Term]:
    """prod_i (shift_i + scale_i f_i)^(k_i), multiplied out, for all monomials e^k."""
    exponents = [(0,) * monomials.dim, *map(tuple, monomials.exponents.tolist())]
    number = {k: i for i, k in enumerate(exponents)}
    terms = []
    for k in exponents:
        for j in product(*(range(power + 1) for power in k)):
            factor = int(np.prod([comb(a, b) for a, b in zip(k, j)]))
            terms.append((number[k], number[j], factor, tuple(a - b for a, b in zip(k, j)), j))
    return terms


def patches(
    exact: Integrator,
    monomials: Monomials,
    domain: Box,
    count: int,
    allowed: float,
    most: int,
    late: Callable[[], bool],
    workers: Workers | None = None,
    checkpoint: Checkpoint | None = None,
) -> Patches:
    """Patches that cover the box, at first about `count`, halved until no rest is above `allowed`.

    Or until they are more than `most`, or it is late: then some have a larger rest, or an infinite one.
    """
    stored = checkpoint and checkpoint.stored("patches")
    done = Patches.of(monomials, stored) if stored else Patches.none(monomials)
    centers, halves = (
        (stored["todo.centers"], stored["todo.halves"]) if stored else first_cells(domain, count)
    )
    while len(centers):
        new = integrated(
            exact, monomials, centers[:_AT_ONCE], halves[:_AT_ONCE], _MOST_ON_THE_WAY * allowed, workers
        )
        centers, halves = centers[_AT_ONCE:], halves[_AT_ONCE:]
        # Not a number is no rest, either.
        good = (new.rest <= allowed).all(axis=1)
        bad = new.rows(np.flatnonzero(~good))
        if len(done) + len(new) + len(bad) + len(centers) > most or late():
            done = done.joined(new)
        else:
            done = done.joined(new.rows(np.flatnonzero(good)))
            parts = halved(bad.centers, bad.halves, _bent(bad))
            centers, halves = np.concatenate([centers, parts[0]]), np.concatenate([halves, parts[1]])
        if checkpoint is not None:
            todo = {"todo.centers": centers, "todo.halves": halves}
            checkpoint.offer("patches", partial(_together, done, todo))
    return done


def _together(done: Patches, todo: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return done.arrays() | todo


def _bent(patches: Patches) -> Int[np.ndarray, " n"]:
    """The coordinate of each patch in whose symbol the polynomials have most of high degree."""
    top = patches.monomials.exponents.sum(axis=1) == patches.monomials.degree
    size = np.abs(patches.g[:, top]).max(axis=2) @ patches.monomials.exponents[top]
    known = np.isfinite(size).all(axis=1) & np.isfinite(patches.rest).all(axis=1) & (size.max(axis=1) > 0)
    return np.where(known, size.argmax(axis=1), patches.halves.argmax(axis=1))


def integrated(
    exact: Integrator,
    monomials: Monomials,
    centers: Float[np.ndarray, "n d"],
    halves: Float[np.ndarray, "n d"],
    most_rest: float = np.inf,
    workers: Workers | None = None,
) -> Patches:
    """The patches with these boxes, without those that are given up: see `Integrator`."""
    boxes = [(centers[part], halves[part]) for part in batches(len(centers), _BATCH)]
    result = Patches.none(monomials)
    run = partial(_integrated, exact, monomials, most_rest)
    for part in (workers or Workers()).map(run, boxes, costly=True):
        result = result.joined(part)
    return result


def _integrated(
    exact: Integrator, monomials: Monomials, most_rest: float, boxes: tuple[np.ndarray, np.ndarray]
) -> Patches:
    centers, halves = boxes
    n, d = centers.shape
    g = np.zeros((len(monomials), d, n))
    g[np.arange(d), np.arange(d)] = halves.T
    x, found = exact(Forms(centers.T.copy(), g, np.zeros((d, n))), monomials, most_rest)
    rest = (np.abs(x.g[len(monomials) :]).sum(axis=0) + x.r) * UP
    polynomials = x.g[: len(monomials)].transpose(2, 0, 1)
    return Patches(monomials, centers, halves, x.c.T, polynomials, np.where(found, rest, np.inf).T)


def first_cells(domain: Box, count: int) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """Centers and halves of about `count` equal cells that cover the box."""
    per_axis = max(1, round(count ** (1 / domain.dim)))
    half = domain.width / per_axis / 2
    steps = np.stack(np.meshgrid(*[np.arange(per_axis)] * domain.dim, indexing="ij"), axis=-1)
    centers = domain.low + half * (2 * steps.reshape(-1, domain.dim) + 1)
    halves = np.broadcast_to(half * UP, centers.shape) + ROUNDING * np.abs(centers)
    return centers, halves


def halved(
    centers: Float[np.ndarray, "n d"], halves: Float[np.ndarray, "n d"], axis: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, "m d"]]:
    """Centers and halves of the two parts of each cell, cut across its `axis`, first all the lower parts.

    The parts overlap by a rounding, so that they cover the cell.
    """
    rows = np.arange(len(centers))
    halves = halves.copy()
    step = np.zeros_like(halves)
    step[rows, axis] = 0.5 * halves[rows, axis]
    both = np.concatenate([centers - step, centers + step])
    halves[rows, axis] = step[rows, axis] * UP
    return both, np.concatenate([halves, halves]) + ROUNDING * np.abs(both)
