"""Quadratic forms R^d -> R^d as few squares of linear forms."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from .polynomial import Monomial

# A vector of R^d by its nonzero entries.
Vector = dict[int, Fraction]
# vector * (form . u)^2
Square = tuple[dict[int, Fraction], Vector]

# Eigenvalues below this fraction of the largest are rounding.
_ZERO_EIGENVALUE = 1e-13


def add(total: Vector, vector: Vector, factor: Fraction = Fraction(1)) -> None:
    """total += factor * vector, in place; entries that cancel disappear."""
    for i, v in vector.items():
        entry = total.get(i, Fraction(0)) + factor * v
        if entry:
            total[i] = entry
        else:
            total.pop(i, None)


def squares(form: Mapping[Monomial, Vector]) -> list[Square]:
    """The quadratic form with vector coefficients `form[(i, j)]` of u_i u_j as a sum of squares.

    Three ways are tried, and the one with the fewest squares is taken: each u_i u_j as a difference of two
    squares; each as (u_i + u_j)^2 less the two pure squares, good where those are needed anyway; or the
    eigenvectors of the equations' forms, one set for all equations with proportional forms.
    """
    form = {monomial: vector for monomial, vector in form.items() if vector}
    ways = [_by_difference(form), _by_sum(form), _by_eigenvectors(form)]
    return min(ways, key=_count)


def _count(terms: list[Square]) -> int:
    total: dict[tuple, Vector] = {}
    for w, vector in terms:
        add(total.setdefault(tuple(sorted(w.items())), {}), vector)
    return sum(bool(vector) for vector in total.values())


def _scale(vector: Vector, factor: Fraction) -> Vector:
    return {i: factor * v for i, v in vector.items()}


def _by_difference(form: Mapping[Monomial, Vector]) -> list[Square]:
    one, terms = Fraction(1), []
    for (i, j), vector in form.items():
        if i == j:
            terms.append(({i: one}, vector))
        else:
            terms.append(({i: one, j: one}, _scale(vector, Fraction(1, 4))))
            terms.append(({i: one, j: -one}, _scale(vector, Fraction(-1, 4))))
    return terms


def _by_sum(form: Mapping[Monomial, Vector]) -> list[Square]:
    one, terms = Fraction(1), []
    for (i, j), vector in form.items():
        if i == j:
            terms.append(({i: one}, vector))
        else:
            half = _scale(vector, Fraction(1, 2))
            minus = _scale(half, -one)
            terms += [({i: one, j: one}, half), ({i: one}, minus), ({j: one}, minus)]
    return terms


def _by_eigenvectors(form: Mapping[Monomial, Vector]) -> list[Square]:
    # Equations with proportional forms share one set of squares.
    shared: dict[tuple, Vector] = {}
    for equation in sorted({i for vector in form.values() for i in vector}):
        entries = {m: vector[equation] for m, vector in sorted(form.items()) if equation in vector}
        lead = next(iter(entries.values()))
        key = tuple((m, v / lead) for m, v in entries.items())
        shared.setdefault(key, {})[equation] = lead
    return [
        (w, _scale(vector, weight))
        for key, vector in shared.items()
        for block in _blocks(dict(key))
        for w, weight in _diagonalize(block)
    ]


def _blocks(form: dict[Monomial, Fraction]) -> list[dict[Monomial, Fraction]]:
    """The scalar form split into parts that have no variable in common."""
    blocks: list[tuple[set[int], dict[Monomial, Fraction]]] = []
    for monomial, value in form.items():
        touching = [b for b in blocks if b[0] & set(monomial)]
        merged: tuple[set[int], dict[Monomial, Fraction]] = (set(monomial), {monomial: value})
        for variables, part in touching:
            merged[0].update(variables)
            merged[1].update(part)
        blocks = [b for b in blocks if b not in touching] + [merged]
    return [part for _, part in blocks]


def _diagonalize(form: dict[Monomial, Fraction]) -> list[tuple[dict[int, Fraction], Fraction]]:
    """A scalar form as sum of weight * (w . u)^2: exactly for u_i u_j and for one square, else by eigh."""
    one = Fraction(1)
    if len(form) == 1:
        ((i, j), value) = next(iter(form.items()))
        if i == j:
            return [({i: one}, value)]
        return [({i: one, j: one}, value / 4), ({i: one, j: -one}, -value / 4)]
    variables = sorted({i for monomial in form for i in monomial})

    def entry(i: int, j: int) -> Fraction:
        value = form.get((min(i, j), max(i, j)), Fraction(0))
        return value if i == j else value / 2

    first = variables[0]
    if entry(first, first):
        # One square only if Q = q q^T / Q_11 with q the first column.
        w = {i: entry(i, first) / entry(first, first) for i in variables}
        if all(entry(i, j) == entry(first, first) * w[i] * w[j] for i in variables for j in variables):
            return [({i: v for i, v in w.items() if v}, entry(first, first))]
    Q = np.array([[float(entry(i, j)) for j in variables] for i in variables])
    values, vectors = np.linalg.eigh(Q)
    significant = np.abs(values) > _ZERO_EIGENVALUE * np.max(np.abs(values))
    return [
        ({i: Fraction(float(v)) for i, v in zip(variables, vectors[:, k]) if v}, Fraction(float(values[k])))
        for k in np.flatnonzero(significant)
    ]
