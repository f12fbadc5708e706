"""from_callable: any vectorized Python function as a field, checked for what a solver relies on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..errors import FieldError
from ..validation import require_finite, require_positive

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# The time at which a field is tried is one at which every solver asks it.
# What an argument is called that is the time.
_TIME_NAMES = ("t", "time")
_POINTS, _SCALES, _TIME = 4, (0.1, 1.0, 5.0), 0.0
# A row on its own may be summed in another order than in a batch: so much of its size, at most.
_ROUNDING = 1e-9
# Times at which values for many times are compared with values for one.
_COMPARED = 8


class MixedRowsError(FieldError):
    """A function whose value at one point depends on the other points of the array."""


class OtherShapeError(FieldError):
    """A function that fails for an array of points, or returns another shape."""


@dataclass(frozen=True, eq=False)
class CallableField:
    """The field v(t, x) that `function(t, x)` computes for all rows of an array x (n, d) at once.

    Attributes
    ----------
    label
        What the field is called in messages.
    held
        How many of the last coordinates are inputs, where the field is zero.
    autonomous
        Whether the field does not depend on time.
    jumps
        Times at which the field may jump or have a corner.
    max_step
        The longest step with which a solver meets all that the field does in time; None to have it found.
    many_times
        The `function` for many times (m,) at once, with values (m, n, d); None where there is none.
    """

    function: Callable[[float, np.ndarray], Any]
    dim: int
    label: str
    held: int = 0
    autonomous: bool = False
    jumps: tuple[float, ...] = ()
    max_step: float | None = None
    many_times: Callable[[np.ndarray, np.ndarray], np.ndarray | None] | None = None

    def __call__(self, t: float, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """v(t, .) at the rows of x."""
        return np.asarray(self.function(t, x), dtype=np.float64)

    def at_times(
        self, times: Float[np.ndarray, " m"], x: Float[np.ndarray, "n d"]
    ) -> Float[np.ndarray, "m n d"] | None:
        """v(t, .) at the rows of x, for each of the times; None if one time must follow another."""
        together = None if self.many_times is None else self.many_times(times, x)
        if together is None or together.shape != (len(times), *x.shape):
            return None
        # Of code that computes many times at once, who knows what it does: it must agree with single times.
        some = np.linspace(0, len(times) - 1, _COMPARED).astype(int)
        alone = np.stack([self(float(t), x) for t in times[some]])
        agrees = np.allclose(together[some], alone, rtol=_ROUNDING, atol=0, equal_nan=True)
        return np.asarray(together, dtype=np.float64) if agrees else None

    def __repr__(self) -> str:
        return f"CallableField({self.label}, dim={self.dim})"


def from_callable(
    function: Callable[..., Any],
    dim: int,
    inputs: int = 0,
    *,
    jumps: Sequence[float] = (),
    max_step: float | None = None,
    domain: Box | None = None,
) -> CallableField:
    """Return the field of a vectorized function, NumPy's, JAX's or any other that takes and returns arrays.

    The function is tried at a few points, where it may give infinite or undefined values. The field is
    compiled by the default method; the construction of the theorem (`method="split"`) needs a RidgeField.

    Parameters
    ----------
    function
        `function(t, x)`, or `function(x)` if it does not depend on time, which maps points x (n, dim) to
        velocities (n, dim), each row on its own, in float64. The number of arguments without defaults decides
        which of the two it is. A function of a single state of shape (dim,), as SciPy's solve_ivp calls it,
        is called row by row, with a warning: that is slow.
    dim
        The dimension of the state.
    inputs
        With m of them, the function is `function(t, x, u)` or `function(x, u)`, with u (n, m), and the field
        has dimension dim + m: the inputs come after the state and stay as they are during the flow. A network
        compiled on a box of both serves for all inputs.
    jumps
        Times at which the function jumps or has a corner, where solvers stop and start again. Jumps that last
        for a ten-thousandth of the duration or longer are found without.
    max_step
        The longest step, in time, of a solver that is to meet all that the function does. By default it is
        found by evaluating the function at some 16,000 times.
    domain
        The box on which the function is tried; by default points around the origin.

    Raises
    ------
    FieldError
        If the function cannot be called so, returns another shape or less than double precision, is random,
        remembers its calls, changes its argument, or mixes rows. The message says what was found.
    ValueError
        For jumps or a max_step that are no times.
    """
    if not callable(function):
        raise FieldError(f"from_callable needs a function of (t, x) or (x), got {type(function).__name__}")
    if isinstance(dim, bool) or not isinstance(dim, int) or dim < 1:
        raise FieldError(f"dim must be a positive integer, got {dim!r}")
    if isinstance(inputs, bool) or not isinstance(inputs, int) or inputs < 0:
        raise FieldError(f"inputs must be a number of inputs, 0 or more, got {inputs!r}")
    label = getattr(function, "__qualname__", type(function).__name__)
    what = f"the function {label}"
    timed = _takes_time(function, inputs > 0)

    def velocity(t: float, x: np.ndarray) -> Any:
        given = (x[..., :dim], x[..., dim:]) if inputs else (x,)
        v = function(t, *given) if timed else function(*given)
        return _with_inputs_at_rest(v, x, dim, what) if inputs else v

    # Compiled code does not look whether an index is within an array: first with what is certainly no more.
    first = _one_state_first if type(function).__module__.startswith("numba.") else _vectorize
    rows_at_once = first(velocity, dim + inputs, what, domain)
    times = times_of_jumps(jumps)
    step = None if max_step is None else require_positive("max_step", max_step)
    return CallableField(rows_at_once, dim + inputs, label, inputs, not timed, times, step)


def times_of_jumps(jumps: Sequence[float]) -> tuple[float, ...]:
    """The times as a tuple; raises ValueError unless they are finite numbers."""
    return tuple(require_finite("jumps", list(jumps)).ravel().tolist())


def _vectorize(
    velocity: Callable[[float, np.ndarray], Any], dim: int, what: str, domain: Box | None
) -> Callable[[float, np.ndarray], Any]:
    """The function itself if it takes many points at once; if it takes one state (dim,), its loop over rows.

    Raises FieldError as `require_field` does.
    """
    try:
        require_field(velocity, dim, what, domain)
        return velocity
    except MixedRowsError as mixed:
        raise FieldError(
            f"{mixed}; if it takes one state y of shape ({dim},), write y[..., 0] in place of y[0]"
        ) from None
    except OtherShapeError as refusal:
        try:
            return _by_rows(velocity, dim, what, domain)
        except FieldError:
            raise refusal from None


def _one_state_first(
    velocity: Callable[[float, np.ndarray], Any], dim: int, what: str, domain: Box | None
) -> Callable[[float, np.ndarray], Any]:
    """The same, tried the other way round."""
    try:
        return _by_rows(velocity, dim, what, domain)
    except FieldError:
        require_field(velocity, dim, what, domain)
        return velocity


def _by_rows(
    velocity: Callable[[float, np.ndarray], Any], dim: int, what: str, domain: Box | None
) -> Callable[[float, np.ndarray], Any]:
    """The loop over rows of a function of one state (dim,), with a warning; FieldError if it is none."""

    def by_rows(t: float, x: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(velocity(t, row)) for row in x])

    require_field(by_rows, dim, what, domain)
    warn(
        f"{what} takes one state of shape ({dim},), so it is called for one point after another, which "
        f"is slow: let it take points of shape (n, {dim}), with y[..., 0] in place of y[0] and "
        "np.stack([...], axis=-1) in place of np.array([...])",
        stacklevel=4,
    )
    return by_rows


def _with_inputs_at_rest(v: Any, x: np.ndarray, dim: int, what: str) -> np.ndarray:
    v = np.asarray(v)
    shape = (*x.shape[:-1], dim)
    if v.shape != shape:
        raise FieldError(f"{what} maps states of shape {shape} to {v.shape}; it must keep the shape")
    return np.concatenate([v, np.zeros((*x.shape[:-1], x.shape[-1] - dim), dtype=v.dtype)], axis=-1)


def require_field(
    velocity: Callable[[float, np.ndarray], Any], dim: int, what: str, domain: Box | None = None
) -> None:
    """Raise FieldError unless `velocity(t, x)` behaves as a vector field does, on the box or all of R^dim."""
    rng = np.random.default_rng(0)
    # Not as many points as coordinates: rows taken for columns would keep the shape.
    points = _POINTS + (len(_SCALES) * _POINTS == dim)
    x = np.concatenate([scale * rng.standard_normal((points, dim)) for scale in _SCALES])
    if domain is not None:
        x = domain.uniform(len(x))
    v = _values(velocity, x, what)
    if v.shape != x.shape:
        raise OtherShapeError(
            f"{what} maps points of shape {x.shape} to {v.shape}; a vector field keeps the shape"
        )
    if not np.array_equal(v, _values(velocity, x, what), equal_nan=True):
        raise FieldError(
            f"{what} gives other values when it is called again with the same arguments; a vector field is "
            "not random and does not count its calls"
        )
    alone = np.concatenate([_values(velocity, row[None], what) for row in x])
    with np.errstate(invalid="ignore"):
        off = np.abs(alone - v) > _ROUNDING * (1 + np.abs(v).max(axis=1, keepdims=True))
    if alone.shape != v.shape or np.any(off):
        raise MixedRowsError(
            f"{what} gives other values for a point alone than among others; rows must not mix"
        )


def _values(velocity: Callable[[float, np.ndarray], Any], x: np.ndarray, what: str) -> np.ndarray:
    given = x.copy()
    try:
        with np.errstate(all="ignore"):
            found = velocity(_TIME, given)
            v = np.asarray(found)
    except FieldError:
        raise
    except Exception as error:  # Whatever the user's code may raise.
        reason = next(iter(str(error).splitlines()), "")
        raise OtherShapeError(
            f"{what} fails for points of shape {x.shape}: {type(error).__name__}: {reason}"
        ) from error
    if not np.array_equal(given, x):
        raise FieldError(f"{what} changes its argument in place; it must leave the points as they are")
    if np.ma.is_masked(found):
        raise FieldError(f"{what} returns masked values; a vector field has one everywhere")
    if v.dtype.kind not in "iuf":
        raise FieldError(f"{what} returns values of type {v.dtype}; a vector field is real")
    if v.dtype.kind == "f" and v.dtype.itemsize < 8:
        raise FieldError(
            f"{what} computes in {v.dtype}, too coarse for the solver, which aims at 1e-10: let it compute "
            'in float64 (JAX: jax.config.update("jax_enable_x64", True))'
        )
    return v


def _takes_time(function: Callable[..., Any], with_inputs: bool) -> bool:
    """Whether it is (t, x) rather than (x), and (t, x, u) with inputs, by its arguments without defaults."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return True  # What tells no arguments, such as a compiled function, is called as solvers call it.
    required = [p for p in parameters if p.kind in _POSITIONAL and p.default is inspect.Parameter.empty]
    with_time = 3 if with_inputs else 2
    later = next((p.name for p in parameters[1:] if p.name in _TIME_NAMES), None)
    if later is not None:
        raise FieldError(
            f"a field takes the time first, and this function has its {later} after other arguments: pass "
            f"lambda t, x: f(x, {later}=t)"
        )
    if len(required) not in (with_time - 1, with_time):
        kinds = "(t, x, u) or (x, u)" if with_inputs else "(t, x) or (x)"
        raise FieldError(
            f"a field takes {kinds}; this function takes {len(required)} arguments without defaults"
        )
    return len(required) == with_time
