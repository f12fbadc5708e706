"""Patches of the box with Taylor models of the exact flow, from which forms over smaller cells come.

The exact flow is smooth, a network is not: cells must be small where kinks are. So the flow is integrated
over few patches, as polynomials in the patch's symbols with a small rest; and over any cell within a patch
the polynomial is one in other symbols, found by shifting and scaling, without a new integration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import product
from math import comb

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from ..errors import FileFormatError
from .checkpoint import Checkpoint, Stored
from .forms import ROUNDING, TINY, UP, Forms
from .integrator import Integrator
from .monomials import Monomials
from .tiling import Bisections, first_cells, halve
from .workers import Workers, batches

# Patches that are integrated together: some symbols of a few hundred of them fit into the cache.
_BATCH = 128
# In many dimensions fewer: so many coefficients of one order in time, of which there are ten for each of some
# dozens of operations, take 1 MB.
_COEFFICIENTS = 2**17
# And between two looks at the clock.
_AT_ONCE = 16 * _BATCH
# A rest may become smaller again, but hardly so much.
_MOST_ON_THE_WAY = 8.0
# Roundings of a coefficient that is shifted and scaled: of the powers and the products, besides its sum's.
_ROUNDINGS = 64
# Of a checkpoint so many patches are looked at, with an integration so much closer.
_LOOKED_AT, _CLOSER = 32, 1e-3
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

    def merge(self, other: Patches) -> Patches:
        others = other.arrays()
        every = {name: np.concatenate([array, others[name]]) for name, array in self.arrays().items()}
        return self.of(self.monomials, every)

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: getattr(self, name) for name in _ARRAYS}

    @staticmethod
    def of(monomials: Monomials, arrays: dict[str, np.ndarray]) -> Patches:
        return Patches(monomials, *(arrays[name] for name in _ARRAYS))

    @staticmethod
    def unknown(
        monomials: Monomials, centers: Float[np.ndarray, "n d"], halves: Float[np.ndarray, "n d"]
    ) -> Patches:
        """Patches with these boxes of which nothing was found."""
        n, d = centers.shape
        zero = np.zeros((n, d))
        rest = np.full((n, d), np.inf)
        return Patches(monomials, centers, halves, zero, np.zeros((n, len(monomials), d)), rest)

    @staticmethod
    def none(monomials: Monomials) -> Patches:
        empty = np.zeros((0, monomials.dim))
        return Patches.unknown(monomials, empty, empty)

    @staticmethod
    def restore(monomials: Monomials, stored: Stored, prefix: str) -> Patches:
        """Those of a checkpoint. Raises FileFormatError if its numbers cannot be those of patches."""
        d = monomials.dim
        n = len(stored.array(f"{prefix}centers", np.float64, None, d))
        arrays = {name: stored.array(f"{prefix}{name}", np.float64, n, d) for name in _ARRAYS if name != "g"}
        arrays["g"] = stored.array(f"{prefix}g", np.float64, n, len(monomials), d)
        known = np.isfinite(arrays["rest"])
        finite = all(np.isfinite(arrays[name]).all() for name in ("centers", "halves"))
        finite &= (
            np.isfinite(arrays["c"][known]).all() and np.isfinite(arrays["g"].swapaxes(1, 2)[known]).all()
        )
        if not finite or not np.all(arrays["rest"] >= 0):
            raise stored.refusal("its patches have numbers that are not finite, or bounds below 0")
        return Patches.of(monomials, arrays)

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
        # A power of the scale that underflows is off by less than TINY.
        size += TINY / ROUNDING * (1.0 + np.abs(polynomial).sum(axis=0))
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
    stored: Stored | None = None,
    bisections: Bisections | None = None,
) -> Patches:
    """Patches that cover the box, at first about `count`, halved until no rest is above `allowed`.

    Or until they are more than `most`, or it is late: then some have a larger rest, or an infinite one.
    `stored` is what this stage offered to a checkpoint; raises FileFormatError if it cannot be. How they came
    to be is added to `bisections`.
    """
    done, bisections = Patches.none(monomials), Bisections() if bisections is None else bisections
    centers, halves = first_cells(domain, count)
    if stored is not None:
        done, first = Patches.restore(monomials, stored, ""), (centers, halves)
        centers, halves = (
            stored.array(f"todo.{n}", np.float64, None, domain.dim) for n in ("centers", "halves")
        )
        boxes = np.concatenate([done.centers, centers]), np.concatenate([done.halves, halves])
        bisections.rounds += restore_bisections(stored, "bisections", first, boxes)[0].rounds
        require_true(exact, done, stored)
    while len(centers):
        new = integrate(
            exact, monomials, centers[:_AT_ONCE], halves[:_AT_ONCE], _MOST_ON_THE_WAY * allowed, workers
        )
        # What there is if it is too late for the others.
        every = done.merge(new).merge(Patches.unknown(monomials, centers[_AT_ONCE:], halves[_AT_ONCE:]))
        if exact.expired() and not np.isfinite(new.rest).all():
            if checkpoint is not None:
                checkpoint.keep()
            return every
        good = (new.rest <= allowed).all(axis=1)
        bad = np.flatnonzero(~good)
        centers, halves = centers[_AT_ONCE:], halves[_AT_ONCE:]
        if len(every) + len(bad) > most:
            done = done.merge(new)
        else:
            loose = new.rows(bad)
            axis = _bent(loose)
            bisections.add(len(done) + bad, axis)
            done = done.merge(new.rows(np.flatnonzero(good)))
            parts = halve(loose.centers, loose.halves, axis)
            centers, halves = np.concatenate([centers, parts[0]]), np.concatenate([halves, parts[1]])
        if checkpoint is not None:
            todo = {"todo.centers": centers, "todo.halves": halves}
            record = {f"bisections.{name}": array for name, array in bisections.arrays().items()}
            checkpoint.offer("patches", partial(_together, done, todo | record))
        if len(centers) and late():
            if checkpoint is not None:
                checkpoint.keep()
            return every
    return done


def _together(done: Patches, others: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return done.arrays() | others


def restore_bisections(
    stored: Stored, name: str, first: tuple[np.ndarray, np.ndarray], boxes: tuple[np.ndarray, np.ndarray]
) -> tuple[Bisections, Int[np.ndarray, " n"]]:
    """The record of that name, and of which of the `first` boxes each of `boxes` is a part.

    Raises FileFormatError if these are not, to the last bit, what the record makes of the first: only what is
    made by bisections is sure to cover all of them.
    """
    try:
        record = Bisections.of(
            *(stored.array(f"{name}.{part}", np.int64, None) for part in ("index", "axis", "counts"))
        )
        centers, halves, root = record.replay(*first)
    except FileFormatError:
        raise
    except ValueError as error:
        raise stored.refusal(str(error)) from None
    if not (np.array_equal(centers, boxes[0]) and np.array_equal(halves, boxes[1])):
        raise stored.refusal("its cells do not tile the box")
    return record, root


def require_true(exact: Integrator, patches: Patches, stored: Stored) -> None:
    """Enclose the flow of some points, which nobody could know before, anew.

    Raises FileFormatError if some patch says that the flow is elsewhere. Where nothing is found of a point,
    also for lack of time, nothing is said.
    """
    rng = np.random.default_rng()
    known = np.flatnonzero(np.isfinite(patches.rest).all(axis=1))
    if len(known) == 0:
        return
    chosen = rng.choice(known, min(len(known), _LOOKED_AT), replace=False)
    inside = rng.uniform(-1, 1, (len(chosen), patches.monomials.dim))
    x = patches.centers[chosen] + inside * patches.halves[chosen]
    images, found = replace(exact, tolerance=_CLOSER * exact.tolerance).points(x)
    with np.errstate(invalid="ignore", over="ignore"):
        claimed = patches.forms(chosen, x, np.zeros_like(x))
    apart = np.abs(images.c - claimed.c) > (images.radius + claimed.radius) * UP
    if np.any(apart & found):
        raise stored.refusal("its patches say of some points that the flow is where it is not")


def _bent(patches: Patches) -> Int[np.ndarray, " n"]:
    """The coordinate of each patch in whose symbol the polynomials have most of high degree."""
    top = patches.monomials.exponents.sum(axis=1) == patches.monomials.degree
    size = np.abs(patches.g[:, top]).max(axis=2) @ patches.monomials.exponents[top]
    known = np.isfinite(size).all(axis=1) & np.isfinite(patches.rest).all(axis=1) & (size.max(axis=1) > 0)
    return np.where(known, size.argmax(axis=1), patches.halves.argmax(axis=1))


def integrate(
    exact: Integrator,
    monomials: Monomials,
    centers: Float[np.ndarray, "n d"],
    halves: Float[np.ndarray, "n d"],
    most_rest: float = np.inf,
    workers: Workers | None = None,
) -> Patches:
    """The patches with these boxes, without those that are given up: see `Integrator`."""
    size = max(1, min(_BATCH, _COEFFICIENTS // (len(monomials) * monomials.dim)))
    boxes = [(centers[part], halves[part]) for part in batches(len(centers), size)]
    result = Patches.none(monomials)
    run = partial(_integrate, exact, monomials, most_rest)
    for part in (workers or Workers()).map(run, boxes, costly=True):
        result = result.merge(part)
    return result


def _integrate(
    exact: Integrator, monomials: Monomials, most_rest: float, boxes: tuple[np.ndarray, np.ndarray]
) -> Patches:
    centers, halves = boxes
    n, d = centers.shape
    g = np.zeros((len(monomials), d, n))
    g[np.arange(d), np.arange(d)] = halves.T
    x, found = exact(Forms(centers.T.copy(), g, np.zeros((d, n))), monomials, most_rest)
    rest = (np.abs(x.g[len(monomials) :]).sum(axis=0) + x.r) * UP
    polynomials = x.g[: len(monomials)].transpose(2, 0, 1)
    rest = np.where(found & np.isfinite(rest), rest, np.inf)
    return Patches(monomials, centers, halves, x.c.T, polynomials, rest.T)
