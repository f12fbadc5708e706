"""A ReLU network of the usual kind, trained on the flow map until its largest error meets a tolerance.

No skip connection and no knowledge of the equations. Adam with a cosine schedule minimizes the mean square
first, then the mean eighth power, which is nearer to the maximum. Inputs and images are scaled to [-1, 1];
the first and last layer absorb that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import nn

from .network_runs import Layers, fastest
from .numba_rk4 import NumbaRK4
from .peer import Peer, Points, Problem, Run, maximum_error
from .problems import measured_at

# (width, hidden layers)
LADDER = ((16, 2), (32, 2), (64, 2), (128, 2), (128, 3), (256, 3))
# Steps of the method that computes the images: to the accuracy of float32.
_EXACT_STEPS = 64
_SAMPLES, _COORDINATES, _BATCH = 2**18, 2**22, 1024
# Samples reach beyond the box by this part of its size, and are moved onto its faces.
_BEYOND = 0.05
_FIRST_RATE, _LAST_RATE = 4e-3, 1e-5
_SQUARES_UNTIL, _POWER = 0.4, 8
# A tenth of the tolerance is for what the points of the check do not see.
_MARGIN, _CHECKED_EVERY, _CHECK_SEED = 0.9, 250, 11


class TrainedReLU(Peer):
    """For one tolerance. Every size of the ladder has an equal share of the seconds.

    Trained weights are kept in `folder` and found there again, whether they met the tolerance or not.
    """

    name = "trained ReLU network"
    packages = ("torch", "onnxruntime")

    def __init__(self, tolerance: float, folder: Path, seconds: float = 240.0):
        self.tolerance, self.folder, self.seconds = tolerance, folder, seconds

    def ladder(self, problem: Problem) -> tuple[tuple[int, int], ...]:
        return LADDER

    def build(self, problem: Problem, setting: tuple[int, int]) -> Run:
        width, depth = setting
        path = self.folder / f"{problem.name}_{self.tolerance:g}_{width}x{depth}.npz"
        if not path.exists():
            layers = self._trained(problem, width, depth)
            self.folder.mkdir(parents=True, exist_ok=True)
            np.savez(
                path, **{f"{i}{part}": v for i, pair in enumerate(layers) for part, v in zip("Wb", pair)}
            )
        with np.load(path, allow_pickle=False) as data:
            return fastest([(data[f"{i}W"], data[f"{i}b"]) for i in range(depth + 1)], problem)

    def _trained(self, problem: Problem, width: int, depth: int) -> Layers:
        torch.manual_seed(0)
        samples = _samples(problem)
        images = NumbaRK4().build(problem, _EXACT_STEPS)(samples)
        low, high = images.min(axis=0), images.max(axis=0)
        center, size, domain = (low + high) / 2, (high - low) / 2, problem.target.domain
        x = torch.from_numpy(((samples - domain.center) / (domain.width / 2)).astype(np.float32))
        y = torch.from_numpy((images - center) / size)
        sizes = [problem.dim, *[width] * depth, problem.dim]
        linear = [nn.Linear(*ends) for ends in pairwise(sizes)]
        network = nn.Sequential(*[module for layer in linear for module in (layer, nn.ReLU())][:-1])

        def layers() -> Layers:
            pairs = [
                (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
                for layer in linear
            ]
            (W, b), (V, c) = pairs[0], pairs[-1]
            W = W / (domain.width / 2)
            pairs[0] = W, b - W @ domain.center
            pairs[-1] = V * size[:, None], c * size + center
            return [(W.astype(np.float32), b.astype(np.float32)) for W, b in pairs]

        points, truth = measured_at(problem, _CHECK_SEED)
        best, least = layers(), math.inf
        for _ in _steps(network, x, y, torch.from_numpy(size / size.max()), self.seconds / len(LADDER)):
            error = maximum_error(lambda x: _value(layers(), x), points, truth)
            if error < least:
                best, least = layers(), error
            if error <= _MARGIN * self.tolerance:
                break
        return best


def _samples(problem: Problem) -> Points:
    n, domain = min(_SAMPLES, _COORDINATES // problem.dim), problem.target.domain
    unit = np.random.default_rng(0).uniform(-_BEYOND, 1 + _BEYOND, (n, problem.dim)).clip(0, 1)
    return (domain.low + unit * domain.width).astype(np.float32)


def _steps(
    network: nn.Module, x: torch.Tensor, y: torch.Tensor, weights: torch.Tensor, seconds: float
) -> Iterator[None]:
    """Train for that long; pauses for a check now and then."""
    adam = torch.optim.Adam(network.parameters(), lr=_FIRST_RATE)
    begun, step = perf_counter(), 0
    while True:
        for batch in torch.randperm(len(x)).split(_BATCH):
            done = (perf_counter() - begun) / seconds
            if done >= 1:
                yield
                return
            adam.param_groups[0]["lr"] = (
                _LAST_RATE + (_FIRST_RATE - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
            )
            residual = (network(x[batch]) - y[batch]) * weights
            power = 2 if done < _SQUARES_UNTIL else _POWER
            # The root keeps gradients of the size of the error.
            loss = (
                residual.abs().amax(dim=1).pow(power).mean().pow(1 / power)
                if power > 2
                else residual.square().mean()
            )
            adam.zero_grad()
            loss.backward()
            adam.step()
            step += 1
            if step % _CHECKED_EVERY == 0:
                yield


def _value(layers: Layers, x: Points) -> Points:
    for W, b in layers[:-1]:
        x = np.maximum(x @ W.T + b, 0)
    W, b = layers[-1]
    return x @ W.T + b
