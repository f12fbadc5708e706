"""Diffrax (Kidger), compiled by JAX for all points at once with vmap: float32 on the CPU.

With adaptive steps every point has its own, and all go on until the last has arrived. Fixed steps are those
of the same Tsit5, without its error estimate.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import diffrax
import jax
import numpy as np

from .blocks import in_blocks
from .jax_fields import JaxField, jax_field
from .peer import STEPS, TOLERANCES, Peer, Points, Problem, Run

# Numbers that a block of points may need: for each its widest intermediate result and a step's stages.
_BLOCK, _STAGES = 3 * 2**19, 10
# No tolerance of the ladder that float32 can meet needs as many.
_MOST_STEPS = 1000


class _Diffrax(Peer):
    packages = ("diffrax", "jax", "equinox")

    @abstractmethod
    def controls(self, setting: Any, problem: Problem) -> tuple[Any, Any]:
        """The step size controller and the first step, as a function of a traced setting."""

    def build(self, problem: Problem, setting: Any) -> Run:
        solve, width = _solver(self, problem)
        traced = np.float32(setting)

        def run(x: Points) -> Points:
            # jit takes the array as it is; the result is a view of JAX's memory.
            return np.asarray(solve(x, traced))

        return in_blocks(run, _BLOCK // width)


class DiffraxTsit5(_Diffrax):
    name = "diffrax Tsit5"

    def ladder(self, problem: Problem) -> tuple[float, ...]:
        return TOLERANCES

    def controls(self, setting, problem):
        return diffrax.PIDController(rtol=setting, atol=setting), problem.first_step


class DiffraxFixed(_Diffrax):
    name = "diffrax Tsit5, fixed steps"

    def ladder(self, problem: Problem) -> tuple[int, ...]:
        return STEPS

    def controls(self, setting, problem):
        return diffrax.ConstantStepSize(), problem.duration / setting


@lru_cache
def _solver(peer: _Diffrax, problem: Problem) -> tuple[Callable[[Points, np.float32], jax.Array], int]:
    """Compiled once for every number of points, for all settings."""
    field: JaxField = jax_field(problem)
    term = diffrax.ODETerm(lambda t, y, args: field.rate(y))

    def of_point(y: Any, setting: jax.Array) -> Any:
        controller, first = peer.controls(setting, problem)
        solution = diffrax.diffeqsolve(
            term,
            diffrax.Tsit5(),
            0.0,
            problem.duration,
            first,
            y,
            stepsize_controller=controller,
            saveat=diffrax.SaveAt(t1=True),
            # The cheapest loop: nothing is kept for derivatives.
            adjoint=diffrax.ForwardMode(),
            max_steps=_MOST_STEPS,
            throw=False,
        )
        return jax.tree.map(lambda values: values[0], solution.ys)

    @jax.jit
    def solve(x: jax.Array, setting: jax.Array) -> jax.Array:
        states = jax.vmap(of_point, in_axes=(0, None))(field.states(x), setting)
        return field.points(states)

    return solve, field.width + _STAGES * problem.dim
