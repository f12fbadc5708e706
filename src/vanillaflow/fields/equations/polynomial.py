"""Sparse polynomials with exact coefficients, and their polarization into powers of linear forms.

A polynomial is a dict from monomials to Fractions; a monomial is the sorted tuple of the indices of its
variables, so (0, 0, 1) is u_0^2 u_1 and () is 1. Floats are Fractions exactly, so nothing here rounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from itertools import product

import sympy as sp

Monomial = tuple[int, ...]
Polynomial = dict[Monomial, Fraction]

MAX_DEGREE = 4
MAX_TERMS = 20_000


def expand(expression: sp.Expr, leaves: Mapping[sp.Symbol, Polynomial]) -> Polynomial | None:
    """The polynomial that `expression` is once every symbol is replaced by its polynomial in `leaves`.

    None if it is not one, if its degree exceeds MAX_DEGREE, or if it has more than MAX_TERMS terms.
    """
    if expression.is_Symbol:
        return leaves[expression]
    if not expression.free_symbols:
        constant = exact(expression)
        return {(): constant} if constant else {}
    if expression.is_Add:
        total: Polynomial = {}
        for term in expression.args:
            p = expand(term, leaves)
            if p is None:
                return None
            for monomial, coefficient in p.items():
                total[monomial] = total.get(monomial, Fraction(0)) + coefficient
        return {m: c for m, c in total.items() if c}
    if expression.is_Mul:
        result: Polynomial | None = {(): Fraction(1)}
        for factor in expression.args:
            p = expand(factor, leaves)
            result = None if p is None or result is None else _multiply(result, p)
            if result is None:
                return None
        return result
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        base = expand(expression.base, leaves)
        exponent = int(expression.exp)
        if base is None or degree(base) * exponent > MAX_DEGREE:
            return None
        result = base
        for _ in range(exponent - 1):
            result = None if result is None else _multiply(result, base)
        return result
    return None


def _multiply(p: Polynomial, q: Polynomial) -> Polynomial | None:
    if degree(p) + degree(q) > MAX_DEGREE or len(p) * len(q) > MAX_TERMS:
        return None
    total: Polynomial = {}
    for (m, a), (n, b) in product(p.items(), q.items()):
        monomial = tuple(sorted(m + n))
        total[monomial] = total.get(monomial, Fraction(0)) + a * b
    return {m: c for m, c in total.items() if c}


def degree(p: Polynomial) -> int:
    """The total degree; 0 for a constant and for zero."""
    return max(map(len, p), default=0)


def exact(constant: sp.Expr) -> Fraction:
    """A SymPy number as a Fraction: rationals as they are, all else through its double."""
    if constant.is_Rational:
        return Fraction(int(constant.p), int(constant.q))
    return Fraction(float(constant))


# Each monomial, by the exponents of its variables, as sum_k weight_k (n_k . u)^degree. The forms for three
# and more factors are the polarization identity, a signed sum over all signs but the first; where a factor
# repeats, what the signed sum has in excess is taken off again. The counts are the real Waring ranks: no
# smaller number of powers can do. u^3 v and u v^3 use the same four forms, so that together they cost four.
_Terms = list[tuple[tuple[int, ...], Fraction]]


def _signs(n: int, denominator: int) -> _Terms:
    """(1, +-1, ..., +-1) in n variables, weighted by the product of the signs."""
    terms = []
    for signs in product((1, -1), repeat=n - 1):
        sign = 1
        for s in signs:
            sign *= s
        terms.append(((1, *signs), Fraction(sign, denominator)))
    return terms


_F = Fraction
_POWERS: dict[tuple[int, ...], _Terms] = {
    (2,): [((1,), _F(1))],
    (3,): [((1,), _F(1))],
    (4,): [((1,), _F(1))],
    (1, 1): _signs(2, 4),
    (1, 1, 1): _signs(3, 24),
    (1, 1, 1, 1): _signs(4, 192),
    (2, 1): [((1, 1), _F(1, 6)), ((1, -1), _F(-1, 6)), ((0, 1), _F(-1, 3))],
    (2, 2): [((1, 1), _F(1, 12)), ((1, -1), _F(1, 12)), ((1, 0), _F(-1, 6)), ((0, 1), _F(-1, 6))],
    (3, 1): [((2, 1), _F(1, 48)), ((2, -1), _F(-1, 48)), ((1, 1), _F(-1, 24)), ((1, -1), _F(1, 24))],
    (1, 3): [((1, 1), _F(1, 6)), ((1, -1), _F(-1, 6)), ((2, 1), _F(-1, 48)), ((2, -1), _F(1, 48))],
    (2, 1, 1): [*_signs(3, 48), ((0, 1, 1), _F(-1, 24)), ((0, 1, -1), _F(1, 24))],
}


def polarize(monomial: Monomial) -> list[tuple[dict[int, Fraction], Fraction]]:
    """`monomial`, of degree 2 to 4, as pairs (linear form, weight): the sum of weight * (form . u)^degree."""
    exponents = Counter(monomial)
    variables = sorted(exponents)
    if tuple(exponents[i] for i in variables) not in _POWERS:  # only (3, 1) and (1, 3) are told apart
        variables.sort(key=lambda i: -exponents[i])
    terms = _POWERS[tuple(exponents[i] for i in variables)]
    return [({i: _F(n) for i, n in zip(variables, form) if n}, weight) for form, weight in terms]
