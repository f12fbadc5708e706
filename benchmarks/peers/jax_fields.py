"""The fields in JAX, for one point: its coordinates as separate numbers if they are few, as vmap makes a row
of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import approximations as by
from .peer import Problem


@dataclass(frozen=True)
class JaxField:
    """`rate` maps a point's state, a tuple of numbers if `split` and else a vector, to its derivative.

    `width` is the size of its largest intermediate result for one point. Where the rate at one coordinate
    `reads_others` that are elements of the same vector, XLA would compute a stage again for each of them.
    """

    rate: Callable[[Any], Any]
    split: bool
    width: int
    reads_others: bool = False

    def states(self, x: jax.Array) -> Any:
        return tuple(x[:, j] for j in range(x.shape[1])) if self.split else x

    def points(self, states: Any) -> jax.Array:
        return jnp.stack(states, axis=1) if self.split else states


def jax_field(problem: Problem) -> JaxField:
    forms = {"network": _network, "pendulum": _pendulum, "hopfield": _hopfield, "allen_cahn": _allen_cahn}
    return forms[problem.form](problem)


def _network(problem: Problem) -> JaxField:
    field = problem.ridges
    w, b, a, c = (np.ascontiguousarray(v, np.float32) for v in (field.w, field.b, field.a, field.c))

    def rate(x: jax.Array) -> jax.Array:
        # A sum over so few coordinates is faster than a product of matrices.
        z = b + sum(w[:, j] * x[j] for j in range(field.dim))
        return jnp.tanh(z) @ a + c

    return JaxField(rate, split=False, width=field.ridges)


def _pendulum(problem: Problem) -> JaxField:
    damping = np.float32(problem.ridges.A[1, 1])

    def rate(state):
        angle, speed = state
        return speed, damping * speed - _sin(angle)

    return JaxField(rate, split=True, width=problem.dim)


def _hopfield(problem: Problem) -> JaxField:
    W = (problem.ridges.a.T @ problem.ridges.w).tolist()

    def rate(state):
        f, g, h = (jnp.tanh(x) for x in state)
        return tuple(p * f + q * g + r * h - x for (p, q, r), x in zip(W, state))

    return JaxField(rate, split=True, width=problem.dim)


def _allen_cahn(problem: Problem) -> JaxField:
    diffusion = float(problem.ridges.A[0, 1])

    def rate(u: jax.Array) -> jax.Array:
        neighbours = jnp.roll(u, 1) + jnp.roll(u, -1)
        return diffusion * neighbours + u * (1 - 2 * diffusion - u * u)

    return JaxField(rate, split=False, width=problem.dim, reads_others=True)


def _sin(z: jax.Array) -> jax.Array:
    """jnp.sin was up to eight times slower: XLA makes no vector code of it."""
    turns = jnp.round(z * by.PER_PI)
    r = (z - turns * by.PI_HIGH) - turns * by.PI_LOW
    s = r * r
    odd = turns - by.TWO * jnp.floor(by.HALF * turns)
    return r * (by.S1 + s * (by.S3 + s * (by.S5 + s * by.S7))) * (by.ONE - by.TWO * odd)
