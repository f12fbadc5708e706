"""ExpressionField: equations of any form, evaluated as they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy as sp
from jaxtyping import Float

from ...errors import FieldError
from ...validation import require_points
from .functions import BY_HEAD, BY_NAME

# Functions that have a corner where their argument is zero.
_CORNERED = (BY_NAME["relu"].head, BY_NAME["abs"].head)
# (t, x, the values of the steps before) -> the value of this step, a number or (n,).
_Step = Callable[[Any, np.ndarray, list], np.ndarray | float]


class ExpressionField:
    """The field x_i' = expressions[i], in the variables `symbols` and the time symbol `t`.

    The expressions become a list of numpy operations, one for each different subexpression, so that no code
    is generated and what several equations share is computed once.

    Parameters
    ----------
    expressions
        The right-hand sides.
    symbols
        The symbols of the d coordinates.
    t
        The symbol of the time.
    reason
        Why the field is no RidgeField.

    Attributes
    ----------
    held : int
        The number of the last coordinates that have the derivative 0.

    Raises
    ------
    FieldError
        For a function that is not one of `functions.BY_HEAD`.
    """

    def __init__(
        self, expressions: Sequence[sp.Expr], symbols: Sequence[sp.Symbol], t: sp.Symbol, reason: str
    ):
        self.expressions = tuple(expressions)
        self.dim = len(symbols)
        self.reason = reason
        moving = [i for i, expression in enumerate(expressions) if expression != 0]
        self.held = self.dim - 1 - max(moving) if moving else 0
        self.symbols = {symbol: i for i, symbol in enumerate(symbols)}
        self.time = t
        self._places: dict[sp.Expr, int] = {}
        self._steps: list[_Step] = []
        self._results = [self._place(expression) for expression in expressions]
        self._corners = () if t in self.symbols else tuple(sorted(set(_corners(expressions, t))))

    def __call__(self, t: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """v(t, .) at the rows of x; nan or infinite where the expressions are undefined."""
        return self._compute(t, require_points(x, self.dim))

    def at_times(
        self, times: Float[np.ndarray, " m"], x: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, "m n d"]:
        """v(t, .) at the rows of x, for each of the times."""
        m, n = len(times), len(x)
        return self._compute(np.repeat(times, n), np.tile(x, (m, 1))).reshape(m, n, self.dim)

    def _compute(self, t: float | np.ndarray, x: np.ndarray) -> np.ndarray:
        values: list = []
        with np.errstate(all="ignore"):
            for step in self._steps:
                values.append(step(t, x, values))
        return np.stack([np.broadcast_to(values[place], len(x)) for place in self._results], axis=1)

    @property
    def autonomous(self) -> bool:
        """Whether it does not depend on time."""
        return self.time in self.symbols or not any(e.has(self.time) for e in self.expressions)

    @property
    def jumps(self) -> tuple[float, ...]:
        """The times at which it has a corner because of time alone, as relu(t - 1) has one."""
        return self._corners

    def __repr__(self) -> str:
        return f"ExpressionField(dim={self.dim})"

    def _place(self, node: sp.Expr) -> int:
        """The number of the step that computes `node`, which comes after those of its parts."""
        if node not in self._places:
            step = self._step(node)
            self._places[node] = len(self._steps)
            self._steps.append(step)
        return self._places[node]

    def _step(self, node: sp.Expr) -> _Step:
        if node in self.symbols:
            column = self.symbols[node]
            return lambda t, x, values: x[:, column]
        if node == self.time:
            return lambda t, x, values: t
        if not node.free_symbols:
            constant = float(node)
            return lambda t, x, values: constant
        if node.is_Pow and node.exp.is_Number:
            base = self._place(node.base)
            exponent = int(node.exp) if node.exp.is_Integer else float(node.exp)
            return lambda t, x, values: np.power(np.asarray(values[base], dtype=np.float64), exponent)
        if not (node.is_Add or node.is_Mul or node.func in BY_HEAD):
            raise FieldError(f"the function {node.func.__name__} in {node} is not supported")
        parts = [self._place(part) for part in node.args]
        if node.is_Add or node.is_Mul:
            combine = np.add if node.is_Add else np.multiply
            return lambda t, x, values: _combine(combine, [values[part] for part in parts])
        value = BY_HEAD[node.func].value
        return lambda t, x, values: value(np.asarray(values[parts[0]], dtype=np.float64))


def _corners(expressions: Sequence[sp.Expr], t: sp.Symbol) -> Iterator[float]:
    """The zeros of arguments that are affine in time alone; others are found when the field is sampled."""
    for expression in expressions:
        for node in expression.atoms(*_CORNERED):
            slope = node.args[0].diff(t)
            if node.free_symbols == {t} and not slope.free_symbols and slope != 0:
                yield float(-node.args[0].subs(t, 0) / slope)


def _combine(combine: np.ufunc, values: list) -> np.ndarray:
    result = values[0]
    for value in values[1:]:
        result = combine(result, value)
    return result
