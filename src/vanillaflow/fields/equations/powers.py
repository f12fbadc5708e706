"""PowerSum: vector polynomials written as few powers of linear forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import comb

from .polynomial import Monomial, Polynomial, polarize
from .quadratic import Vector, add, squares

# A linear form n.u up to its factor: nonzero entries by index, the largest of size 1, the first positive.
Direction = tuple[tuple[int, Fraction], ...]

# How far off centre a power may stand, in units of the range of its form over the box, when that saves the
# lower-degree powers beside it, as a (s + k)^3 does for a s^3 + 3 a k s^2. Heuristic: digits cancel if far.
_MAX_OFFSET = 8


@dataclass(frozen=True)
class Power:
    """The ridge vector * (direction . u + offset)^degree."""

    direction: Direction
    offset: Fraction
    degree: int
    vector: Vector


def canonical(w: Mapping[int, Fraction]) -> tuple[Direction, Fraction]:
    """The direction of w != 0, and the factor with w = factor * direction."""
    items = sorted((i, v) for i, v in w.items() if v)
    factor = max(abs(v) for _, v in items) * (1 if items[0][1] > 0 else -1)
    return tuple((i, v / factor) for i, v in items), factor


@dataclass
class PowerSum:
    """A polynomial R^d -> R^d of degree at most 4, collected term by term.

    `constant` and `linear[j]` are the coefficients of 1 and u_j; `mixed` holds monomials of degree 2 to 4 in
    several variables, `lines` polynomials (by degree, 2 to 4) in one linear form.
    """

    constant: Vector = field(default_factory=dict)
    linear: dict[int, Vector] = field(default_factory=dict)
    mixed: dict[Monomial, Vector] = field(default_factory=dict)
    lines: dict[Direction, dict[int, Vector]] = field(default_factory=dict)

    def add(self, p: Polynomial, equation: int) -> None:
        """Add the polynomial p to one equation."""
        for monomial, coefficient in p.items():
            vector = {equation: coefficient}
            if not monomial:
                add(self.constant, vector)
            elif len(monomial) == 1:
                add(self.linear.setdefault(monomial[0], {}), vector)
            else:
                add(self.mixed.setdefault(monomial, {}), vector)

    def add_along(self, direction: Direction, coefficients: Mapping[int, Fraction], equation: int) -> None:
        """Add sum_r coefficients[r] (direction . u)^r to one equation."""
        for r, coefficient in coefficients.items():
            self._add_power(direction, r, {equation: coefficient})

    def powers(self) -> list[Power]:
        """The part of degree 2 and more as powers. Moves what is affine in it to `constant` and `linear`."""
        written_along = set(self.lines)
        for monomial in [m for m in self.mixed if len(m) > 2]:
            vector = self.mixed.pop(monomial)
            for form, weight in polarize(monomial):
                direction, factor = canonical(form)
                self._add_power(direction, len(monomial), vector, weight * factor ** len(monomial))
        high = [
            piece
            for direction in self.lines
            for piece in self._complete(direction, direction in written_along)
        ]
        for direction, line in self.lines.items():
            # What is left of degree 2 joins the quadratic form, where squares can be saved together.
            for i, v in direction:
                for j, w in direction:
                    add(self.mixed.setdefault((min(i, j), max(i, j)), {}), line.get(2, {}), v * w)
        low = []
        for form, vector in squares(self.mixed):
            direction, factor = canonical(form)
            low.append(Power(direction, Fraction(0), 2, {i: v * factor**2 for i, v in vector.items()}))
        self.mixed, self.lines = {}, {}
        return high + _merge(low)

    def _add_power(
        self, direction: Direction, r: int, vector: Vector, factor: Fraction = Fraction(1)
    ) -> None:
        if r == 0:
            add(self.constant, vector, factor)
        elif r == 1:
            for j, w in direction:
                add(self.linear.setdefault(j, {}), vector, factor * w)
        else:
            add(self.lines.setdefault(direction, {}).setdefault(r, {}), vector, factor)

    def _complete(self, direction: Direction, may_shift: bool) -> list[Power]:
        """Take the powers of degree 3 and 4 off one line, off centre where that removes the next lower one:

        a s^p + b s^(p-1) = a (s + k)^p - (lower degrees) if b = p k a. That keeps x^3 one ridge on any box.
        The powers that polarization makes largely cancel each other, and splitting errors were measured to
        be 10 to 50 times larger when they stand off centre, so they may not shift.
        """
        line, pieces = self.lines[direction], []
        reach = sum(abs(v) for _, v in direction)
        for p in (4, 3):
            a = line.pop(p, {})
            if not a:
                continue
            k = (_ratio(line.get(p - 1, {}), a) or Fraction(0)) / p
            k = k if may_shift and abs(k) <= _MAX_OFFSET * reach else Fraction(0)
            pieces.append(Power(direction, k, p, a))
            if k:
                for r in range(p):
                    self._add_power(direction, r, a, -comb(p, r) * k ** (p - r))
        return pieces


def _ratio(b: Vector, a: Vector) -> Fraction | None:
    """r with b = r a, if there is one."""
    if b.keys() != a.keys():
        return None
    ratios = {b[i] / a[i] for i in a}
    return ratios.pop() if len(ratios) == 1 else None


def _merge(powers: list[Power]) -> list[Power]:
    """Squares of one direction as one, without those that cancel."""
    by_direction: dict[Direction, Vector] = {}
    for power in powers:
        add(by_direction.setdefault(power.direction, {}), power.vector)
    return [Power(direction, Fraction(0), 2, vector) for direction, vector in by_direction.items() if vector]
