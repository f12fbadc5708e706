"""Runge's fourth-order method written in JAX: what is left of diffrax by who needs no more than that."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .blocks import in_blocks
from .jax_fields import jax_field
from .peer import STEPS, Peer, Points, Problem, Run

# Numbers in the largest intermediate result of a block of points.
_BLOCK = 2**19


class JaxRK4(Peer):
    name = "JAX RK4"
    packages = ("jax", "jaxlib")

    def ladder(self, problem: Problem) -> tuple[int, ...]:
        return STEPS

    def build(self, problem: Problem, setting: int) -> Run:
        solve, width = _solver(problem)

        def run(x: Points) -> Points:
            # jit takes the array as it is; the result is a view of JAX's memory.
            return np.asarray(solve(x, np.int32(setting)))

        return in_blocks(run, _BLOCK // width)


@lru_cache
def _solver(problem: Problem) -> tuple[Callable[[Points, np.int32], jax.Array], int]:
    """Compiled once for every number of points, for all numbers of steps."""
    field = jax_field(problem)
    step = _step_in_loop if field.reads_others else _step

    @jax.jit
    def solve(x: jax.Array, steps: jax.Array) -> jax.Array:
        h = jnp.float32(problem.duration) / steps
        # A loop: of unrolled steps XLA makes slower code.
        one = partial(step, jax.vmap(field.rate), h)
        return field.points(jax.lax.fori_loop(0, steps, lambda _, x: one(x), field.states(x)))

    return solve, field.width


def _step(rate: Callable[[Any], Any], h: jax.Array, x: Any) -> Any:
    k1 = rate(x)
    k2 = rate(_moved(x, h / 2, k1))
    k3 = rate(_moved(x, h / 2, k2))
    k4 = rate(_moved(x, h, k3))
    return jax.tree.map(lambda x, a, b, c, d: x + h / 6 * (a + 2 * (b + c) + d), x, k1, k2, k3, k4)


def _step_in_loop(rate: Callable[[Any], Any], h: jax.Array, x: Any) -> Any:
    """The same with its stages in a loop, each computed once."""
    ahead = h * jnp.array([1 / 2, 1 / 2, 1, 0], jnp.float32)
    weights = h * jnp.array([1 / 6, 1 / 3, 1 / 3, 1 / 6], jnp.float32)

    def stage(i: jax.Array, at_and_total: tuple[Any, Any]) -> tuple[Any, Any]:
        at, total = at_and_total
        k = rate(at)
        return _moved(x, ahead[i], k), _moved(total, weights[i], k)

    return jax.lax.fori_loop(0, 4, stage, (x, x))[1]


def _moved(x: Any, s: jax.Array, k: Any) -> Any:
    return jax.tree.map(lambda x, k: x + s * k, x, k)
