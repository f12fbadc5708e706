"""The fields in PyTorch, each in the layout and formulation that measured fastest.

tanh is PyTorch's slowest elementwise function here (1.2 ns a number, six times its sigmoid), so that large
batches use tanh z = 2 sigmoid(2 z) - 1, with the twos in the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional

from .peer import Points, Problem

# Numbers in the state from which on a compiled field is faster than separate operations: a call costs 20 us.
_COMPILED_FROM = 2**15
# One compilation for every shape.
torch._dynamo.config.recompile_limit = 64

Rate = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class TorchField:
    """v at float32 states, (n, d) or, if `columns`, (d, n).

    `eager` is for few points and `fused`, compiled, for many. `width` is the size of its largest
    intermediate result for one point.
    """

    eager: Rate
    fused: Rate
    columns: bool
    width: int

    @cached_property
    def compiled(self) -> Rate:
        return self.eager if self.fused is self.eager else torch.compile(self.fused, dynamic=False)

    def rate(self, state: torch.Tensor) -> Rate:
        return self.eager if state.numel() < _COMPILED_FROM else self.compiled

    def state(self, x: Points) -> torch.Tensor:
        """Without a copy if points are rows."""
        tensor = torch.from_numpy(x)
        return tensor.T.contiguous() if self.columns else tensor

    def points(self, state: torch.Tensor) -> Points:
        """Without a copy."""
        return (state.T if self.columns else state).numpy()


def torch_field(problem: Problem) -> TorchField:
    forms = {"network": _network, "pendulum": _pendulum, "hopfield": _hopfield, "allen_cahn": _allen_cahn}
    return forms[problem.form](problem)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def _network(problem: Problem) -> TorchField:
    """Two linear layers in MKL; the compiler has nothing to add."""
    field = problem.ridges
    w, b, a, c = (tensor(v) for v in (2 * field.w, 2 * field.b, 2 * field.a.T, field.c - field.a.sum(axis=0)))

    def rate(x: torch.Tensor) -> torch.Tensor:
        return functional.linear(functional.linear(x, w, b).sigmoid_(), a, c)

    return TorchField(rate, rate, columns=False, width=field.ridges)


def _pendulum(problem: Problem) -> TorchField:
    damping = float(problem.ridges.A[1, 1])

    def rate(x: torch.Tensor) -> torch.Tensor:
        angle, speed = x.unbind(0)
        return torch.stack([speed, torch.add(angle.sin().neg_(), speed, alpha=damping)])

    def fused(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[1], damping * x[1] - torch.sin(x[0])])

    return TorchField(rate, fused, columns=True, width=problem.dim)


def _hopfield(problem: Problem) -> TorchField:
    W = problem.ridges.a.T @ problem.ridges.w
    weights, entries, sums = tensor(W), (2 * W).tolist(), W.sum(axis=1).tolist()

    def rate(x: torch.Tensor) -> torch.Tensor:
        return torch.addmm(x, weights, x.tanh(), beta=-1)

    def fused(x: torch.Tensor) -> torch.Tensor:
        s = torch.sigmoid(2 * x)
        pushes = [p * s[0] + q * s[1] + r * s[2] - total for (p, q, r), total in zip(entries, sums)]
        return torch.stack([push - x[i] for i, push in enumerate(pushes)])

    return TorchField(rate, fused, columns=True, width=problem.dim)


def _allen_cahn(problem: Problem) -> TorchField:
    A = problem.ridges.A
    matrix, diffusion, middle = tensor(A), float(A[0, 1]), float(1 - 2 * A[0, 1])

    def rate(x: torch.Tensor) -> torch.Tensor:
        if len(x) < 500:
            return torch.addmm(x * x * x, x, matrix, beta=-1)
        wide = torch.cat([x[:, -1:], x, x[:, :1]], dim=1)
        return torch.add(x * (middle - x * x), wide[:, 2:] + wide[:, :-2], alpha=diffusion)

    def fused(x: torch.Tensor) -> torch.Tensor:
        neighbours = torch.roll(x, 1, 1) + torch.roll(x, -1, 1)
        return diffusion * neighbours + x * (middle - x * x)

    return TorchField(rate, fused, columns=False, width=problem.dim)
