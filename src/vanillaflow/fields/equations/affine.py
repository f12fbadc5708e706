"""Affine forms w.x + b in SymPy expressions: finding them, and seeing an expression as a function of one."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from .polynomial import Polynomial, degree, expand


@dataclass(frozen=True)
class AffineForm:
    """w.x + b with exact coefficients; `w` lists the nonzero ones as (index, coefficient), by index."""

    w: tuple[tuple[int, Fraction], ...]
    b: Fraction

    @property
    def slope(self) -> Fraction:
        """The first nonzero coefficient."""
        return self.w[0][1]

    def scale(self, factor: Fraction) -> AffineForm:
        return AffineForm(tuple((i, factor * v) for i, v in self.w), factor * self.b)

    def parallel(self, other: AffineForm) -> bool:
        """Whether the normals are multiples of each other."""
        return self.scale(1 / self.slope).w == other.scale(1 / other.slope).w


class AffineForms:
    """Finds affine forms of `symbols` in expressions. Results are kept, as subexpressions come up again."""

    def __init__(self, symbols: list[sp.Symbol]):
        self._leaves: dict[sp.Symbol, Polynomial] = {
            symbol: {(i,): Fraction(1)} for i, symbol in enumerate(symbols)
        }
        self._known: dict[sp.Expr, AffineForm | None] = {}

    def form(self, expression: sp.Expr) -> AffineForm | None:
        """`expression` as an affine form, or None if it is not affine."""
        if expression not in self._known:
            p = expand(expression, self._leaves)
            affine = p is not None and degree(p) <= 1
            self._known[expression] = (
                AffineForm(tuple(sorted((m[0], c) for m, c in p.items() if m)), p.get((), Fraction(0)))
                if affine and p is not None
                else None
            )
        return self._known[expression]

    def inside(self, expression: sp.Expr) -> list[AffineForm]:
        """The largest affine subexpressions, constants left out: what `expression` is a function of."""
        form = self.form(expression)
        if form is not None:
            return [form] if form.w else []
        return [f for part in self._parts(expression) for f in self.inside(part)]

    def along(self, expression: sp.Expr, axis: AffineForm, z: sp.Symbol) -> sp.Expr:
        """`expression` with z in place of `axis`, when all forms `inside` it are parallel to `axis`."""
        form = self.form(expression)
        if form is not None:
            if not form.w:
                return expression
            ratio = form.slope / axis.slope
            return _number(ratio) * z + _number(form.b - ratio * axis.b)
        return expression.func(*(self.along(part, axis, z) for part in self._parts(expression)))

    def _parts(self, expression: sp.Expr) -> list[sp.Expr]:
        """The arguments, the affine terms of a sum taken together (its constant stays apart)."""
        if not expression.is_Add:
            return list(expression.args)
        affine = [term for term in expression.args if term.free_symbols and self.form(term) is not None]
        rest = [term for term in expression.args if term not in affine]
        return [sp.Add(*affine), *rest] if affine else rest


def _number(value: Fraction) -> sp.Number:
    """A short fraction as SymPy's exact Rational, one that stems from a double as a Float again."""
    short = value.denominator <= 10**6
    return sp.Rational(value.numerator, value.denominator) if short else sp.Float(float(value))
