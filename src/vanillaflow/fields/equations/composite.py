"""Profiles for functions that the registry does not have, such as z/(z**2 + 1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

from ...errors import FieldError
from ..profiles import Profile
from .functions import BY_HEAD, BY_NAME

# z -> (g(z), g'(z))
Dual = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

_MAX_NAME = 80
_KINKED = {BY_NAME["abs"].head, BY_NAME["relu"].head}


def composite_profile(expression: sp.Expr, z: sp.Symbol) -> Profile:
    """The profile g(z) = `expression`, with its exact derivative and no closed form of its flow.

    The tree is turned into numpy closures that carry value and derivative together (forward-mode
    differentiation), so that no code is generated and the cost is linear in the size of the tree.
    Raises FieldError for a function that is not one of `functions.BY_HEAD`.
    """
    g = _dual(expression, z)
    name = sp.sstr(expression, full_prec=False)
    return Profile(
        name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 3] + "...",
        value=lambda x: g(np.asarray(x, dtype=np.float64))[0],
        derivative=lambda x: g(np.asarray(x, dtype=np.float64))[1],
        breaks=tuple(sorted(_breaks(expression, z))),
        formula=sp.Lambda(z, expression),
    )


def _dual(node: sp.Expr, z: sp.Symbol) -> Dual:
    if node == z:
        return lambda x: (x, np.ones_like(x))
    if not node.free_symbols:
        constant = float(node)
        return lambda x: (np.full_like(x, constant), np.zeros_like(x))
    if node.is_Add:
        return _sum([_dual(term, z) for term in node.args])
    if node.is_Mul:
        return _product([_dual(factor, z) for factor in node.args])
    if node.is_Pow and node.exp.is_Number:
        return _power(_dual(node.base, z), _exponent(node.exp))
    if node.func in BY_HEAD:
        return _chain(BY_HEAD[node.func].value, BY_HEAD[node.func].derivative, _dual(node.args[0], z))
    raise FieldError(f"the function {node.func.__name__} in {node} is not supported")


def _sum(terms: list[Dual]) -> Dual:
    def dual(x):
        values, slopes = zip(*(term(x) for term in terms))
        return sum(values[1:], values[0]), sum(slopes[1:], slopes[0])

    return dual


def _product(factors: list[Dual]) -> Dual:
    def dual(x):
        value, slope = factors[0](x)
        for factor in factors[1:]:
            v, s = factor(x)
            value, slope = value * v, slope * v + value * s
        return value, slope

    return dual


def _exponent(value: sp.Number) -> int | float:
    return int(value) if value.is_Integer else float(value)


def _power(base: Dual, exponent: int | float) -> Dual:
    def dual(x):
        v, s = base(x)
        return v**exponent, exponent * v ** (exponent - 1) * s

    return dual


def _chain(value: Callable, derivative: Callable, inner: Dual) -> Dual:
    def dual(x):
        v, s = inner(x)
        return value(v), derivative(v) * s

    return dual


def _breaks(expression: sp.Expr, z: sp.Symbol) -> set[float]:
    """Where an abs or relu of an affine argument has its kink; other arguments are not looked into."""
    kinks = set()
    for call in expression.atoms(sp.Function):
        if call.func not in _KINKED:
            continue
        slope = call.args[0].coeff(z, 1)
        offset = call.args[0] - slope * z
        if slope.is_Number and offset.is_Number:
            kinks.add(float(-offset / slope))
    return kinks
