"""The peer of reachable sets: immrax, intervals and parallelotopes by embedding systems in JAX.

An embedding system is an ODE for the offsets of the faces of a set; the set at its end holds the image of the
set at its beginning, up to rounding and the error of the solver that follows it (Tsitouras 5(4), steps of one
length), neither of which immrax bounds. The sets are boxes, by the natural inclusion function (Harapanahalli,
Jafarpour and Coogan, "immrax: a parallelizable and differentiable toolbox for interval analysis and mixed
monotone reachability in JAX"), and parallelotopes, whose faces turn with the linearized flow of their center
(Harapanahalli and Coogan, "Parametric reachable sets via controlled dynamical embeddings"): by far the smaller.

    pip install 'vanillaflow[reach]'
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from vanillaflow import Box

# The components of x', of the module (numpy or jax.numpy) that has the functions, and x.
SYSTEMS: dict[str, Callable[[Any, Any], list]] = {
    "pendulum": lambda np, x: [x[1], -np.sin(x[0]) - 0.2 * x[1]],
    "van_der_pol": lambda np, x: [x[1], (1 - x[0] ** 2) * x[1] - x[0]],
}


@dataclass(frozen=True)
class Parallelotopes:
    """The union of the k sets { x : low <= H (x - center) <= high }, each H invertible."""

    center: Float[np.ndarray, "k d"]
    H: Float[np.ndarray, "k d d"]
    low: Float[np.ndarray, "k d"]
    high: Float[np.ndarray, "k d"]

    def __len__(self) -> int:
        return len(self.center)

    def contains(self, y: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
        """Whether each point is in one of the sets. Points far from a set in x_0 are not compared with it."""
        order = np.argsort(y[:, 0])
        first = y[order, 0]
        row = np.linalg.inv(self.H)[:, 0]
        middle = self.center[:, 0] + np.sum(row * (self.low + self.high) / 2, axis=1)
        reach = np.sum(np.abs(row) * (self.high - self.low) / 2, axis=1)
        begin = np.searchsorted(first, middle - reach)
        end = np.searchsorted(first, middle + reach, "right")
        inside = np.zeros(len(y), dtype=bool)
        for k in range(len(self)):
            near = order[begin[k] : end[k]]
            z = (y[near] - self.center[k]) @ self.H[k].T
            inside[near] |= np.all((z >= self.low[k]) & (z <= self.high[k]), axis=1)
        return inside


def immrax_boxes(
    system: str, box: Box, duration: float, parts: int, step: float = 0.1
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d"], float]:
    """Low and high ends of k = parts^d boxes around the images of as many equal parts of `box`, and the
    seconds that it takes when it is compiled.

    Raises ImportError without immrax, ValueError for a system that is not in SYSTEMS or numbers out of range,
    ArithmeticError if a box is not finite.
    """
    irx, jnp = _immrax()
    starts = _parts(system, box, duration, parts, step)
    embedded = irx.natemb(_as_system(irx, jnp, system, box.dim))

    def image(ends: Any) -> Any:
        solution = _solved(embedded, embedded.compute_trajectory, ends, duration, step)
        return solution.ys[_last(jnp, solution)]

    (ends,), seconds = _timed(lambda starts: (image(starts),), starts)
    return ends[:, : box.dim], ends[:, box.dim :], seconds


def immrax_parallelotopes(
    system: str, box: Box, duration: float, parts: int, step: float = 0.1
) -> tuple[Parallelotopes, float]:
    """Parallelotopes around the images of parts^d equal parts of `box`, and the seconds, as `immrax_boxes`;
    raises as it does."""
    irx, jnp = _immrax()
    starts = _parts(system, box, duration, parts, step)
    dim = box.dim
    field = _as_system(irx, jnp, system, dim)

    def image(ends: Any) -> tuple[Any, ...]:
        # As many faces as a box has, so no null vectors of H by which to tighten: (0, d).
        embedded = irx.AdjointEmbedding(field, jnp.eye(dim), jnp.zeros((0, dim)))
        start = irx.Polytope.from_interval(irx.interval(ends[:dim], ends[dim:]))
        solution = _solved(embedded, embedded.compute_reachset, start, duration, step)
        sets, last = solution.ys[0], _last(jnp, solution)
        # immrax keeps -low and high, both as upper bounds.
        return sets.ox[last], sets.alpha[last], -sets.y[last, :dim], sets.y[last, dim:]

    found, seconds = _timed(image, starts)
    return Parallelotopes(*found), seconds


def _immrax() -> tuple[Any, Any]:
    """immrax and jax.numpy in double precision, a setting of the whole process."""
    try:
        import immrax
        import jax
    except ImportError as error:
        raise ImportError("immrax is not installed; pip install 'vanillaflow[reach]'") from error
    jax.config.update("jax_enable_x64", True)
    return immrax, jax.numpy


def _as_system(irx: Any, jnp: Any, system: str, dim: int) -> Any:
    class Field(irx.System):
        def __init__(self) -> None:
            super().__init__("continuous", dim)

        def f(self, t: Any, x: Any) -> Any:
            return jnp.array(SYSTEMS[system](jnp, x))

    return Field()


def _parts(system: str, box: Box, duration: float, parts: int, step: float) -> Float[np.ndarray, "k 2*d"]:
    """Low and high ends, side by side, of the parts of the box, after a look at the arguments."""
    if system not in SYSTEMS:
        raise ValueError(f"system must be one of {', '.join(SYSTEMS)}, got {system!r}")
    if box.dim != 2:
        raise ValueError(f"{system} has 2 coordinates, got a box of {box.dim}")
    if parts < 1:
        raise ValueError(f"parts must be at least 1 along each coordinate, got {parts}")
    if not 0 < step <= duration < math.inf:
        raise ValueError(f"step must be positive and at most the duration {duration:g}, got {step:g}")
    axes = [np.linspace(a, b, parts + 1) for a, b in zip(box.low, box.high)]
    low = np.stack(np.meshgrid(*[axis[:-1] for axis in axes], indexing="ij"), axis=-1)
    high = np.stack(np.meshgrid(*[axis[1:] for axis in axes], indexing="ij"), axis=-1)
    return np.concatenate([low, high], axis=-1).reshape(-1, 2 * box.dim)


def _solved(embedded: Any, method: Any, start: Any, duration: float, step: float) -> Any:
    """The solution of the embedding system, by the function inside immrax's own jit.

    Through that jit `max_steps` does not pass, and without it diffrax keeps room for 4096 states of every
    start, which takes several times as long as the steps.
    """
    # Two more than the quotient: sums of steps are rounded.
    most = math.ceil(duration / step) + 2
    return method.__wrapped__(embedded, 0.0, duration, start, dt=step, solver="tsit5", max_steps=most)


def _last(jnp: Any, solution: Any) -> Any:
    """Where the state at the end is: what follows it is filled up with infinities."""
    return jnp.sum(jnp.isfinite(solution.ts)) - 1


def _timed(
    image: Callable[[Any], tuple[Any, ...]], starts: Float[np.ndarray, "k 2*d"]
) -> tuple[list[np.ndarray], float]:
    """The images of all starts at once, as arrays, and the seconds of a second call, which is compiled."""
    import jax

    run = jax.jit(jax.vmap(image))
    jax.block_until_ready(run(starts))
    begun = perf_counter()
    found = [np.asarray(array) for array in run(starts)]
    seconds = perf_counter() - begun
    whole = np.all([np.isfinite(array).reshape(len(starts), -1).all(axis=1) for array in found], axis=0)
    if not whole.all():
        raise ArithmeticError(
            f"immrax's set around the image of part {int(np.argmin(whole))} of {len(starts)} is not finite; "
            "more parts or a shorter duration keep it bounded"
        )
    return found, seconds
