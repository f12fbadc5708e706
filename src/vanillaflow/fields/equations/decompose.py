"""SymPy expressions -> RidgeField, exactly.

Every term of every equation is one of: affine; a function of one affine form, which is a ridge; or a
polynomial of degree at most 4 in several variables, which polarization turns into powers of linear forms,
as in x y = ((x + y)^2 - (x - y)^2)/4. Coefficients are exact fractions until the arrays are filled, so
terms that cancel do so exactly.

Polynomials are first written in the box's own coordinates u_i = (x_i - center_i) / half_width_i: that
balances the variables in x +- y and keeps the arguments of the powers centred. What the shift creates in
lower degree goes to lower-degree ridges and to A, c. Without a box, u = x.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction

import numpy as np
import sympy as sp

from ...box import Box
from ...errors import FieldError
from ..profiles import Profile, get_profile
from ..ridge import RidgeField
from .affine import AffineForm, AffineForms
from .composite import composite_profile
from .functions import BY_HEAD, Parity
from .polynomial import MAX_DEGREE, Polynomial, degree, exact, expand
from .powers import PowerSum, canonical
from .quadratic import Vector, add

_MAX_POWER = 64
_MAX_TERMS = 2_000  # that multiplying out products may make of one equation


class NoRidgeSumError(FieldError):
    """A term of an equation is no sum of ridges, as far as this module can see."""


def decompose(
    expressions: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], domain: Box | None = None
) -> RidgeField:
    """The RidgeField x_i' = expressions[i] in the variables `symbols`, of length d.

    Ridges that several equations share become one piece with a vector direction. Functions without a
    registered profile get one of their own, named after their text, as in "z/(z**2 + 1)".
    Raises NoRidgeSumError, naming the equation and the term, if a term is of none of the three kinds;
    FieldError if the box is not of dimension d.
    """
    d = len(symbols)
    if domain is not None and domain.dim != d:
        raise FieldError(f"{d} equations need a box of dimension {d}, got {domain.dim}")
    decomposition = _Decomposition(list(symbols), domain)
    for i, expression in enumerate(expressions):
        decomposition.add_equation(i, expression)
    return decomposition.field()


class _Decomposition:
    """The pieces found so far: `polynomial` in the coordinates u, `ridges` in x."""

    def __init__(self, symbols: list[sp.Symbol], domain: Box | None):
        d = len(symbols)
        low = [Fraction(-1)] * d if domain is None else [Fraction(v) for v in domain.low.tolist()]
        high = [Fraction(1)] * d if domain is None else [Fraction(v) for v in domain.high.tolist()]
        self.symbols = symbols
        self.center = [(b + a) / 2 for a, b in zip(low, high)]
        self.half = [(b - a) / 2 for a, b in zip(low, high)]
        self.leaves: dict[sp.Symbol, Polynomial] = {
            symbol: {m: v for m, v in (((), self.center[i]), ((i,), self.half[i])) if v}
            for i, symbol in enumerate(symbols)
        }
        self.forms = AffineForms(symbols)
        self.polynomial = PowerSum()
        self.ridges: dict[Hashable, tuple[Profile, AffineForm, Vector]] = {}

    def add_equation(self, i: int, expression: sp.Expr) -> None:
        """Take in x_i' = expression, term by term."""
        leftover, todo, made = [], [expression], 0
        while todo:
            term = todo.pop()
            if made > _MAX_TERMS:
                raise NoRidgeSumError(
                    f"equation {self.symbols[i]}: more than {_MAX_TERMS} terms once multiplied out"
                )
            factor, core = term.as_independent(*self.symbols, as_Add=False)
            core = _one_exponential(core)
            if core.is_Add:
                todo += [factor * part for part in reversed(core.args)]
            elif not self._take(i, exact(factor), core):
                parts = _distribute(core)
                todo += [factor * part for part in reversed(parts)]
                made += len(parts)
                leftover += [] if parts else [term]
        # Multiplying out may have made terms that cancel.
        if leftover and sp.Add(*leftover) != 0:
            self._refuse(i, leftover[0])

    def _take(self, i: int, factor: Fraction, core: sp.Expr) -> bool:
        """Add factor * core to equation i if it is of a supported kind."""
        p = expand(core, self.leaves)
        forms = self.forms.inside(core)
        one_form = bool(forms) and all(form.parallel(forms[0]) for form in forms)
        if p is not None and degree(p) > 1 and one_form:
            self._take_along(i, factor, p, forms[0])
        elif p is not None:
            self.polynomial.add({m: factor * c for m, c in p.items()}, i)
        elif one_form:
            self._take_ridge(i, factor, core, forms)
        return p is not None or one_form

    def _take_along(self, i: int, factor: Fraction, p: Polynomial, form: AffineForm) -> None:
        """Add p, which depends on one linear form only, so that the axis of one variable shows all of it."""
        direction, _ = canonical({j: w * self.half[j] for j, w in form.w})
        pivot, slope = direction[0]
        along = {len(m): factor * c / slope ** len(m) for m, c in p.items() if set(m) <= {pivot}}
        self.polynomial.add_along(direction, along, i)

    def _take_ridge(self, i: int, factor: Fraction, core: sp.Expr, forms: list[AffineForm]) -> None:
        argument = self.forms.form(core.args[0])
        profile = BY_HEAD[core.func].profile if core.func in BY_HEAD else None
        if core.is_Pow and core.exp.is_Integer and core.exp > MAX_DEGREE and argument:
            self._take_power(i, factor, argument, int(core.exp))
        elif profile and argument:
            self._take_registered(i, factor, profile, BY_HEAD[core.func].parity, argument)
        else:
            axis, z = _axis(forms), sp.Symbol("z", real=True)
            along = self.forms.along(core, axis, z)
            key = (along, axis)
            known = self.ridges.get(key)
            self._add_ridge(key, known[0] if known else composite_profile(along, z), axis, {i: factor})

    def _take_power(self, i: int, factor: Fraction, form: AffineForm, p: int) -> None:
        if p > _MAX_POWER:
            raise FieldError(
                f"equation {self.symbols[i]}: the power {p} is too high; at most {_MAX_POWER} is supported"
            )
        _, scale = canonical({j: w * self.half[j] for j, w in form.w})
        form = form.scale(1 / scale)
        self._add_ridge((p, form), get_profile(f"power{p}"), form, {i: factor * scale**p})

    def _take_registered(
        self, i: int, factor: Fraction, profile: Profile, parity: Parity, form: AffineForm
    ) -> None:
        if profile.name in ("abs", "relu"):
            # g(s z) = s g(z) for s > 0: arguments of one direction are brought to one length.
            _, scale = canonical({j: w * self.half[j] for j, w in form.w})
            form, factor = form.scale(1 / abs(scale)), factor * abs(scale)
        if form.slope < 0 and parity is not None:
            form = form.scale(Fraction(-1))
            if parity == "complement":
                self.polynomial.add({(): factor}, i)
            elif parity == "identity":
                offset = form.b + sum(w * self.center[j] for j, w in form.w)
                self.polynomial.add({(j,): -factor * w * self.half[j] for j, w in form.w}, i)
                self.polynomial.add({(): -factor * offset}, i)
            factor = -factor if parity in ("odd", "complement") else factor
        self._add_ridge((profile.name, form), profile, form, {i: factor})

    def _add_ridge(self, key: Hashable, profile: Profile, form: AffineForm, vector: Vector) -> None:
        add(self.ridges.setdefault(key, (profile, form, {}))[2], vector)

    def _refuse(self, i: int, term: sp.Expr) -> None:
        text = sp.sstr(term, full_prec=False)
        text = text if len(text) <= 80 else text[:77] + "..."
        polynomial = term.is_polynomial(*self.symbols)
        what = (
            f"is a polynomial of degree {_degree(term, self.symbols)} in several variables"
            if polynomial
            else "mixes functions of several variables"
        )
        raise NoRidgeSumError(
            f"equation {self.symbols[i]}: the term {text} {what}; sums of ridges are made of functions of "
            f"one affine form, such as sin(x - 2*y), and polynomials up to degree {MAX_DEGREE}"
        )

    def field(self) -> RidgeField:
        """The arrays, rounded from the exact coefficients."""
        d = len(self.symbols)
        rows: list[tuple[Profile, AffineForm, Vector]] = []
        profiles = {p: get_profile(f"power{p}") for p in range(2, MAX_DEGREE + 1)}
        for power in self.polynomial.powers():
            normal = tuple((j, v / self.half[j]) for j, v in power.direction)
            form = AffineForm(normal, power.offset - sum(v * self.center[j] for j, v in normal))
            rows.append((profiles[power.degree], form, power.vector))
        rows += [row for row in self.ridges.values() if row[2]]

        a, w, b = np.zeros((len(rows), d)), np.zeros((len(rows), d)), np.zeros(len(rows))
        for k, (_, form, vector) in enumerate(rows):
            a[k, list(vector)] = [float(v) for v in vector.values()]
            w[k, [j for j, _ in form.w]] = [float(v) for _, v in form.w]
            b[k] = float(form.b)
        A, c = np.zeros((d, d)), np.zeros(d)
        constant = dict(self.polynomial.constant)
        for j, column in self.polynomial.linear.items():
            A[list(column), j] = [float(v / self.half[j]) for v in column.values()]
            add(constant, column, -self.center[j] / self.half[j])
        c[list(constant)] = [float(v) for v in constant.values()]
        return RidgeField(a, w, b, [profile for profile, _, _ in rows], A=A, c=c)


def _degree(polynomial: sp.Expr, symbols: Sequence[sp.Symbol]) -> int:
    """The degree, found without multiplying out, which may take for ever; terms rarely cancel."""
    if polynomial.is_Pow:
        return int(polynomial.exp) * _degree(polynomial.base, symbols)
    if polynomial.is_Add or polynomial.is_Mul:
        degrees = [_degree(part, symbols) for part in polynomial.args]
        return max(degrees) if polynomial.is_Add else sum(degrees)
    return int(polynomial in symbols)


def _axis(forms: list[AffineForm]) -> AffineForm:
    """What a function of parallel forms is written in: their common form, else the variable or the normal."""
    first = forms[0].scale(Fraction(1 if forms[0].slope > 0 else -1))
    if all(form == forms[0] for form in forms):
        return first
    if len(first.w) == 1:
        return AffineForm(((first.w[0][0], Fraction(1)),), Fraction(0))
    return AffineForm(first.w, Fraction(0))


def _one_exponential(term: sp.Expr) -> sp.Expr:
    """exp(f) exp(g) as exp(f + g), which may be a function of one affine form where the factors are not."""
    exponents = [factor.args[0] for factor in sp.Mul.make_args(term) if factor.func == sp.exp]
    if len(exponents) < 2:
        return term
    rest = [factor for factor in term.args if factor.func != sp.exp]
    return sp.Mul(sp.exp(sp.Add(*exponents)), *rest)


def _distribute(term: sp.Expr) -> list[sp.Expr]:
    """The terms of a product with a sum, or of a small power of a sum, multiplied out once; else none."""
    if term.is_Pow and term.base.is_Add and term.exp.is_Integer and 2 <= term.exp <= MAX_DEGREE:
        return [part * term.base ** (term.exp - 1) for part in term.base.args]
    if term.is_Mul:
        for factor in term.args:
            rest = term / factor
            if factor.is_Add:
                return [part * rest for part in factor.args]
            if parts := _distribute(factor):
                return [part * rest for part in parts]
    return []
