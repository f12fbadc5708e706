"""torchdiffeq (Chen) by its two usual methods, and torchode (Lienen and Günnemann), float32 on both cores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
import torchdiffeq
import torchode

from .blocks import in_blocks
from .peer import STEPS, TOLERANCES, Peer, Points, Problem, Run
from .torch_fields import Rate, TorchField, torch_field

# Numbers in the largest intermediate result of a block.
_BLOCK = 2**19
# No tolerance of the ladder that float32 can meet needs as many.
_MOST_STEPS = 1000
_COMPILED_BELOW = 3000


class _TorchPeer(Peer):
    @abstractmethod
    def solver(self, problem: Problem, setting: Any) -> Callable[[torch.Tensor], torch.Tensor]:
        """From states at time 0 to those at `duration`."""

    def build(self, problem: Problem, setting: Any) -> Run:
        field = _field(problem)
        solve = self.solver(problem, setting)

        @torch.inference_mode()
        def run(x: Points) -> Points:
            return field.points(solve(field.state(x)))

        return in_blocks(run, _BLOCK // field.width)


class TorchdiffeqRK4(_TorchPeer):
    """Its "rk4" is the 3/8 rule."""

    name = "torchdiffeq RK4"
    packages = ("torch", "torchdiffeq")

    def ladder(self, problem: Problem) -> tuple[int, ...]:
        return STEPS

    def solver(self, problem: Problem, setting: int):
        field, duration = _field(problem), problem.duration
        ends = torch.tensor([0.0, duration])
        # Exactly so many steps; a step_size may give one more by rounding.
        grid = torch.linspace(0.0, duration, setting + 1)
        options = {"grid_constructor": lambda func, y, t: grid}

        def solve(state: torch.Tensor) -> torch.Tensor:
            rate = field.rate(state)
            return torchdiffeq.odeint(lambda t, y: rate(y), state, ends, method="rk4", options=options)[1]

        return solve


class TorchdiffeqDopri5(_TorchPeer):
    """One step size for a block, controlled by its root mean square error."""

    name = "torchdiffeq dopri5"
    packages = ("torch", "torchdiffeq")

    def ladder(self, problem: Problem) -> tuple[float, ...]:
        return TOLERANCES

    def solver(self, problem: Problem, setting: float):
        field, duration = _field(problem), problem.duration
        ends = torch.tensor([0.0, duration])
        options = {"first_step": problem.first_step}

        def solve(state: torch.Tensor) -> torch.Tensor:
            rate = field.rate(state)
            return torchdiffeq.odeint(
                lambda t, y: rate(y),
                state,
                ends,
                rtol=setting,
                atol=setting,
                method="dopri5",
                options=options,
            )[1]

        return solve


class TorchodeTsit5(_TorchPeer):
    """Every point has its own steps.

    For few points all but the loop over steps is compiled, which takes seconds for every number of points
    and halves the time of a call or better. For many it gains nothing.
    """

    name = "torchode Tsit5"
    packages = ("torch", "torchode")

    def ladder(self, problem: Problem) -> tuple[float, ...]:
        return TOLERANCES

    def solver(self, problem: Problem, setting: float):
        field = _field(problem)
        compiled = torch.compile(_torchode(field, field.fused, setting), dynamic=False)

        def run(state: torch.Tensor) -> torch.Tensor:
            rows = state.T if field.columns else state
            n = len(rows)
            solve = compiled if n < _COMPILED_BELOW else _torchode(field, field.rate(state), setting)
            start, end, first = (torch.full((n,), t) for t in (0.0, problem.duration, problem.first_step))
            y = solve(torchode.InitialValueProblem(rows, start, end), dt0=first).ys[:, 0]
            return y.T if field.columns else y

        return run


def _torchode(field: TorchField, rate: Rate, tolerance: float):
    term = torchode.ODETerm(lambda t, y: rate(y.T).T if field.columns else rate(y))
    controller = torchode.IntegralController(tolerance, tolerance, term=term)
    return torchode.AutoDiffAdjoint(torchode.Tsit5(term=term), controller, max_steps=_MOST_STEPS).solve


@lru_cache
def _field(problem: Problem) -> TorchField:
    return torch_field(problem)
