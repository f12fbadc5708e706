"""Equations as text into fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from ...box import Box
from ...errors import FieldError
from ..ridge import PiecewiseField, RidgeField
from .expression_field import ExpressionField
from .names import checked_name
from .orders import first_order, label
from .parser import number, parse_expression
from .switching import PiecewiseConstant, piecewise_constant
from .symbolic import TIME, symbolic_field

MAX_VARIABLES = 256


def from_equations(
    equations: Mapping[str, str],
    parameters: Mapping[str, Any] | None = None,
    domain: Box | None = None,
    exact: bool = False,
    inputs: Sequence[str] = (),
) -> RidgeField | ExpressionField | PiecewiseField:
    """Return the field x' = text: a RidgeField equal to it where it is one, else an ExpressionField.

    Sums of ridges are equations without time whose terms are affine, functions of one affine form, or
    polynomials up to degree 4; every method compiles them. All others are evaluated as they stand, and the
    default method compiles them. The text is never executed.

    Parameters
    ----------
    equations
        Variable names, in the order of the coordinates, with the text of their derivatives:
        `{"x": "y", "y": "-sin(x) - k*y"}`. The text may use numbers, the variables and parameters, the time
        t, pi, e, `+ - * / **`, and the functions sin, cos, tan, exp, log, sqrt, tanh, sinh, cosh, abs,
        arctan, sigmoid, softplus and relu. An equation of second order, `{"x''": "-sin(x) - k*x'"}`, makes
        two coordinates, x and x', and so for any order.
    parameters
        The parameters' values. A value may be constant for a while,
        `{"times": [1, 2], "values": [0, 1, 0]}`: then the field is a PiecewiseField. A variable or parameter
        of the name t takes the place of the time.
    domain
        The box on which the field will be used. It does not change the field, only how it is cut into
        ridges: polynomials are centred on the box.
    exact
        Whether equations that are no sum of ridges are refused.
    inputs
        Names of further coordinates, after the variables, which stay as they are during the flow: inputs
        that are held, or parameters with a range. A network compiled on a box of them serves for all values.

    Raises
    ------
    FieldError
        For any other text; it says which equation and where.
    """
    if not isinstance(equations, Mapping) or not equations:
        raise FieldError('equations must be a non-empty mapping such as {"x": "y", "y": "-x"}')
    texts = first_order(equations)
    if len(texts) + len(inputs) > MAX_VARIABLES:
        given = len(texts) + len(inputs)
        raise FieldError(f"{given} equations were given; at most {MAX_VARIABLES} are supported")
    symbols = {checked_name("variable", name, primes=True): sp.Symbol(str(name), real=True) for name in texts}
    held = _inputs(inputs, symbols)
    values = _parameter_values({} if parameters is None else parameters, symbols | held)
    labels = [f"equation {label(name, equations)}" for name in texts]
    switches = sorted({t for value in values.values() for t in value.times})
    fields = []
    for t in (0.0, *switches):
        numbers = {name: number(value.at(t)) for name, value in values.items()}
        names = {TIME: sp.Symbol(TIME, real=True)} | symbols | held | numbers
        expressions = [parse_expression(text, names, what) for text, what in zip(texts.values(), labels)]
        expressions += [sp.Integer(0)] * len(held)
        fields.append(symbolic_field(expressions, [*symbols.values(), *held.values()], domain, exact))
    return PiecewiseField(fields, switches) if switches else fields[0]


def _inputs(inputs: Sequence[str], variables: Mapping[str, Any]) -> dict[str, sp.Symbol]:
    names = [inputs] if isinstance(inputs, str) else list(inputs)
    held = {checked_name("input", name): sp.Symbol(str(name), real=True) for name in names}
    for name in names:
        if name in variables or names.count(name) > 1:
            raise FieldError(f"the name of the input {name!r} is taken; rename one of the two")
    return held


def _parameter_values(parameters: Any, variables: Mapping[str, Any]) -> dict[str, PiecewiseConstant]:
    if not isinstance(parameters, Mapping):
        raise FieldError(f"parameters must be a mapping of names to numbers, got {type(parameters).__name__}")
    for name in parameters:
        if checked_name("parameter", name) in variables:
            raise FieldError(f"{name!r} is both a variable and a parameter; rename one of them")
    return {
        checked_name("parameter", name): piecewise_constant(f"parameter {name}", value)
        for name, value in parameters.items()
    }
