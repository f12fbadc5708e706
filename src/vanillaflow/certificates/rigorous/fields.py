"""Programs of fields: ridge sums and layers with smooth profiles, and expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from ...errors import FieldError
from ...fields.expression_field import ExpressionField
from ...fields.layered import LayeredField
from ...fields.profiles import Profile, get_profile
from ...fields.ridge import RidgeField
from .program import Program, refuse

_PROFILES: dict[str, Callable[[Program, int], int]] = {
    "tanh": Program.tanh,
    "sigmoid": Program.sigmoid,
    "sin": lambda program, x: program.sin_cos(x)[0],
    "cos": lambda program, x: program.sin_cos(x)[1],
    "exp": Program.exp,
    "softplus": Program.softplus,
    "arctan": Program.arctan,
    "silu": lambda program, x: program.product(x, program.sigmoid(x)),
    "gelu": lambda program, x: program.product(x, program.normal_cdf(x)),
}


def program_of(field: Any) -> Program:
    """The program of a field that has one. Raises FieldError for others."""
    if isinstance(field, RidgeField):
        return _ridge_program(field)
    if isinstance(field, LayeredField):
        return _layered_program(field)
    if isinstance(field, ExpressionField):
        return _Expressions(field).program
    raise refuse(f"a {type(field).__name__}, of which only values are known")


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
    if profile != known or name not in _PROFILES:
        raise refuse(f"a field with the profile {name}")
    return _PROFILES[name]


class _Expressions:
    """The program of an ExpressionField, with one operation for each different subexpression."""

    def __init__(self, field: ExpressionField):
        self.program = Program(field.dim)
        self._places: dict[sp.Expr, int] = {}
        for symbol, i in field.symbols.items():
            self._places[symbol] = self.program.rows_of(0, np.array([i]))
        self._places[field.time] = 1
        rows = [self._place(sp.sympify(expression)) for expression in field.expressions]
        result = self.program.constant(np.zeros(field.dim))
        for i, row in enumerate(rows):
            unit = np.zeros((field.dim, 1))
            unit[i] = 1.0
            result = self.program.sum(result, self.program.affine(row, unit, np.zeros(field.dim)))
        self.program.result = result

    def _place(self, node: sp.Expr) -> int:
        if node not in self._places:
            self._places[node] = self._made(node)
        return self._places[node]

    def _made(self, node: sp.Expr) -> int:
        program = self.program
        if not node.free_symbols:
            return program.constant(np.array([float(node)]))
        if node.is_Pow and node.exp.is_Number:
            return self._power(node)
        if node.is_Add or node.is_Mul:
            number, rest = node.as_coeff_Add() if node.is_Add else node.as_coeff_Mul()
            combine = program.sum if node.is_Add else program.product
            first, *others = [self._place(part) for part in (node.func.make_args(rest))]
            for other in others:
                first = combine(first, other)
            if number == (0 if node.is_Add else 1):
                return first
            return (program.shifted if node.is_Add else program.scaled)(first, float(number))
        name = node.func.__name__
        made = {
            **_PROFILES,
            "log": Program.log,
            "atan": Program.arctan,
            "tan": lambda p, x: _quotient(p, *p.sin_cos(x)),
            "sinh": lambda p, x: _hyperbolic(p, x, -1.0),
            "cosh": lambda p, x: _hyperbolic(p, x, 1.0),
        }.get(name)
        if made is None:
            raise refuse(f"the function {name}, which has a corner")
        return made(program, self._place(node.args[0]))

    def _power(self, node: sp.Expr) -> int:
        base, exponent = self._place(node.base), node.exp
        if not exponent.is_Integer:
            return self.program.real_power(base, float(exponent))
        power = self.program.whole_power(base, abs(int(exponent))) if exponent != 0 else base
        return power if exponent > 0 else self.program.reciprocal(power)


def _quotient(program: Program, x: int, y: int) -> int:
    return program.product(x, program.reciprocal(y))


def _hyperbolic(program: Program, x: int, sign: float) -> int:
    """(e^x + sign e^-x) / 2."""
    up, down = program.exp(x), program.exp(program.scaled(x, -1.0))
    return program.scaled(program.sum(up, program.scaled(down, sign)), 0.5)
