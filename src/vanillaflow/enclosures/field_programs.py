"""Programs of fields: ridge sums and layers with smooth profiles, and expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ..errors import FieldError
from ..fields.equations.expression_field import ExpressionField
from ..fields.fit import FittedField
from ..fields.layered import LayeredField
from ..fields.profiles import Profile, get_profile
from ..fields.ridge import RidgeField
from .program import Program, refuse

_PROFILES: dict[str, Callable[[Program, int], int]] = {
    "tanh": Program.tanh,
    "sigmoid": Program.sigmoid,
    "sin": lambda program, x: program.sin_cos(x)[0],
    "cos": lambda program, x: program.sin_cos(x)[1],
    "exp": Program.exp,
    "softplus": Program.softplus,
    "arctan": Program.arctan,
    "relu": lambda program, x: program.kink(x, 0.0, 1.0),
    "abs": lambda program, x: program.kink(x, -1.0, 1.0),
    "elu": lambda program, x: _elu(program, x),
    "silu": lambda program, x: program.product(x, program.sigmoid(x)),
    "gelu": lambda program, x: program.product(x, program.normal_cdf(x)),
}


def program_of(field: Any) -> Program:
    """The program of a field that has one. Raises FieldError for others, and for what only derives from such
    a field: its values may be others than its numbers say."""
    programs: dict[type, Callable[[Any], Program]] = {
        RidgeField: _ridge_program,
        FittedField: _ridge_program,
        LayeredField: _layered_program,
        ExpressionField: _expression_program,
    }
    program = programs.get(type(field))
    if program is None:
        raise refuse(f"a {type(field).__name__}, of which only values are known")
    return program(field)


def _ridge_program(field: RidgeField) -> Program:
    program = Program(field.dim)
    result = program.affine(0, field.A, field.c)
    if field.ridges:
        z = program.affine(0, field.w, field.b)
        for profile in dict.fromkeys(field.profiles):
            index = np.array([k for k, each in enumerate(field.profiles) if each == profile])
            value = _profile(profile)(program, program.rows_of(z, index))
            directions = np.ascontiguousarray(field.a[index].T)
            result = program.sum(result, program.affine(value, directions, np.zeros(field.dim)))
    program.result = result
    return program


def _layered_program(field: LayeredField) -> Program:
    program = Program(field.dim)
    h = 0
    for W, b, profile in zip(field.weights[:-1], field.biases[:-1], field.profiles):
        h = _profile(profile)(program, program.affine(h, W, b))
    program.result = program.affine(h, field.weights[-1], field.biases[-1])
    if field.A.any():
        program.result = program.sum(program.result, program.affine(0, field.A, np.zeros(field.dim)))
    return program


def _profile(profile: Profile) -> Callable[[Program, int], int]:
    name = profile.name
    try:
        known: Profile | None = get_profile(name)
    except FieldError:
        known = None
    # Anybody can give a profile of his own any name.
    if profile == known and name.startswith("power"):
        return lambda program, x: program.whole_power(x, int(name[5:]))
    if profile == known and name.startswith("leaky_relu"):
        left = float(-profile.value(np.array([-1.0]))[0])
        return lambda program, x: program.kink(x, left, 1.0)
    if profile == known and name in _PROFILES:
        return _PROFILES[name]
    if profile.formula is not None:
        (z,), expression = profile.formula.variables, profile.formula.expr
        return lambda program, x: _Expressions(program, {z: x}, program.rows(x)).place(expression)
    raise refuse(f"a field with the profile {name}, of which only values are known")


def _elu(program: Program, x: int) -> int:
    """z for z > 0 and e^z - 1 for z < 0: relu(z) + e^(-relu(-z)) - 1."""
    below = program.exp(program.scale(program.kink(program.scale(x, -1.0), 0.0, 1.0), -1.0))
    return program.sum(program.kink(x, 0.0, 1.0), program.shift(below, -1.0))


def _expression_program(field: ExpressionField) -> Program:
    program = Program(field.dim)
    places = {symbol: program.rows_of(0, np.array([i])) for symbol, i in field.symbols.items()}
    expressions = _Expressions(program, places | {field.time: 1}, 1)
    rows = [expressions.place(sp.sympify(expression)) for expression in field.expressions]
    result = program.constant(np.zeros(field.dim))
    for i, row in enumerate(rows):
        unit = np.zeros((field.dim, 1))
        unit[i] = 1.0
        result = program.sum(result, program.affine(row, unit, np.zeros(field.dim)))
    program.result = result
    return program


class _Expressions:
    """Adds expressions to a program, with one operation for each different subexpression.

    `places` are those of the symbols, of so many rows each: the same expression of all of them.
    """

    def __init__(self, program: Program, places: dict[sp.Expr, int], rows: int):
        self.program = program
        self._places = dict(places)
        self._rows = rows

    def place(self, node: sp.Expr) -> int:
        if node not in self._places:
            self._places[node] = self._make(node)
        return self._places[node]

    def _make(self, node: sp.Expr) -> int:
        program = self.program
        if not node.free_symbols:
            return program.constant(np.full(self._rows, float(node)))
        if node.is_Pow and node.exp.is_Number:
            return self._power(node)
        if node.is_Add or node.is_Mul:
            number, rest = node.as_coeff_Add() if node.is_Add else node.as_coeff_Mul()
            combine = program.sum if node.is_Add else program.product
            first, *others = [self.place(part) for part in (node.func.make_args(rest))]
            for other in others:
                first = combine(first, other)
            if number == (0 if node.is_Add else 1):
                return first
            return (program.shift if node.is_Add else program.scale)(first, float(number))
        name = node.func.__name__
        made = {
            **_PROFILES,
            "log": Program.log,
            "Abs": _PROFILES["abs"],
            "atan": Program.arctan,
            "tan": lambda p, x: _quotient(p, *p.sin_cos(x)),
            "sinh": lambda p, x: _hyperbolic(p, x, -1.0),
            "cosh": lambda p, x: _hyperbolic(p, x, 1.0),
        }.get(name)
        if made is None:
            raise refuse(f"the function {name}")
        return made(program, self.place(node.args[0]))

    def _power(self, node: sp.Expr) -> int:
        base, exponent = self.place(node.base), node.exp
        if not exponent.is_Integer:
            return self.program.real_power(base, float(exponent))
        power = self.program.whole_power(base, abs(int(exponent))) if exponent != 0 else base
        return power if exponent > 0 else self.program.reciprocal(power)


def _quotient(program: Program, x: int, y: int) -> int:
    return program.product(x, program.reciprocal(y))


def _hyperbolic(program: Program, x: int, sign: float) -> int:
    """(e^x + sign e^-x) / 2."""
    up, down = program.exp(x), program.exp(program.scale(x, -1.0))
    return program.scale(program.sum(up, program.scale(down, sign)), 0.5)
