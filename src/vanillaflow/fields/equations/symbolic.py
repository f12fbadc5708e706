"""SymPy expressions as a field: a sum of ridges where they are one, evaluated as they stand where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy as sp

from ...box import Box
from ...errors import FieldError
from ..ridge import RidgeField
from .decompose import NoRidgeSumError, decompose
from .expression_field import ExpressionField

TIME = "t"


def from_sympy(
    expressions: sp.MatrixBase | Iterable[Any] | Callable[..., Any],
    variables: Sequence[sp.Symbol | str],
    parameters: Mapping[sp.Symbol | str, float] | None = None,
    domain: Box | None = None,
    exact: bool = False,
) -> RidgeField | ExpressionField:
    """Return the field x' = expressions of SymPy, read as `from_equations` reads text.

    Parameters
    ----------
    expressions
        A column Matrix or a sequence of expressions, one for each variable, or a function that returns them
        for the variables' symbols: `lambda x, y: (y, -sp.sin(x))`.
    variables
        The symbols, or their names, in the order of the coordinates. Other symbols must be parameters or the
        time t.
    parameters
        The values of symbols, or of names.
    domain
        The box on which the field will be used, as for `from_equations`.
    exact
        Whether expressions that are no sum of ridges are refused.

    Raises
    ------
    FieldError
        For symbols without a value, for functions that are not those of `from_equations`, and if the numbers
        of expressions and variables differ.
    """
    symbols = [sp.Symbol(str(v), real=True) for v in variables]
    if not symbols or len(set(symbols)) < len(symbols):
        raise FieldError(f"variables must be different symbols, got {[str(v) for v in variables]}")
    given: Any = expressions(*symbols) if callable(expressions) else expressions
    try:
        parts = [sp.sympify(part, strict=True) for part in given]
    except (TypeError, sp.SympifyError) as error:
        raise FieldError(f"expressions must be a sequence or Matrix of SymPy expressions: {error}") from None
    if len(parts) != len(symbols):
        raise FieldError(f"{len(symbols)} variables need as many expressions, got {len(parts)}")
    # Symbols are told apart by their assumptions; a field tells them by their names.
    values = {str(name): sp.sympify(value) for name, value in (parameters or {}).items()}
    known = {str(symbol): symbol for symbol in [sp.Symbol(TIME, real=True), *symbols]} | values
    replaced = []
    for variable, part in zip(symbols, parts):
        unknown = sorted(str(symbol) for symbol in part.free_symbols if str(symbol) not in known)
        if unknown:
            raise FieldError(
                f"the expression for {variable} has the symbol {unknown[0]}, which is neither variable, nor "
                "parameter, nor t"
            )
        replaced.append(part.xreplace({symbol: known[str(symbol)] for symbol in part.free_symbols}))
    return symbolic_field(replaced, symbols, domain, exact)


def symbolic_field(
    expressions: Sequence[sp.Expr], variables: Sequence[sp.Symbol], domain: Box | None, exact: bool
) -> RidgeField | ExpressionField:
    """The field of real symbols; a variable named t is not the time. With `exact` sums of ridges only."""
    time = sp.Symbol(TIME, real=True)
    try:
        timed = [v for v, e in zip(variables, expressions) if e.has(time) and time not in variables]
        reason = f"equation {timed[0]} depends on the time t" if timed else ""
        if not timed:
            try:
                return decompose(list(expressions), list(variables), domain)
            except NoRidgeSumError as error:
                reason = str(error)
        if exact:
            raise FieldError(reason)
        return ExpressionField(expressions, variables, time, reason)
    except RecursionError:
        raise FieldError("the equations are nested too deeply; split them into smaller terms") from None
    except OverflowError:
        raise FieldError(
            "the equations have coefficients too large for floating point; rescale them"
        ) from None
