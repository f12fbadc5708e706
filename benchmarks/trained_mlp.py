"""The peer of everyday practice: a two-hidden-layer ReLU network, fitted to samples of the flow by Adam.

No skip connection and no knowledge of the equations. The mean squared error is minimized over points of the
box, its faces and corners, with minibatches and a cosine schedule that fills the given seconds. Inputs and
outputs are scaled to [-1, 1], which the first and last layer can absorb.
"""

from __future__ import annotations

import math
from time import perf_counter

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from vanillaflow import FlowMap
from vanillaflow.box import search_points

HIDDEN_LAYERS = 2
_SAMPLES = 8192
_COORDINATES = 2**18
_BATCH = 256
# Heuristic: narrow networks take large steps well, wide ones do not.
_LEARNING_RATE = 1e-2
_WIDEST_AT_THAT_RATE = 32
_LAST_RATE = 1e-3


def width_for(parameters: int, dim: int) -> int:
    """The least width with at least that many parameters: h^2 + (2 d + 2) h + d of them."""
    half = dim + 1
    return max(1, math.ceil(-half + math.sqrt(half**2 + max(0, parameters - dim))))


class TrainedMLP:
    """The fitted network as a function of float64 points; float32 inside."""

    def __init__(self, target: FlowMap, width: int, seconds: float, seed: int):
        d = target.dim
        torch.manual_seed(seed)
        torch.set_num_threads(1)  # Like the methods that it is compared with.
        self.width, self.hidden_layers = width, HIDDEN_LAYERS
        self.layers = nn.Sequential(
            nn.Linear(d, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, d)
        )
        x = search_points(target.domain, min(_SAMPLES, _COORDINATES // d), seed)
        y = target(x)
        self._domain = target.domain
        self._low, self._high = y.min(axis=0), y.max(axis=0)
        self._fit(self._scaled_in(x), self._scaled_out(y), seconds)

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.layers.parameters())

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        with torch.no_grad():
            y = self.layers(self._scaled_in(x)).double().numpy()
        return self._low + (y + 1) / 2 * (self._high - self._low)

    def _scaled_in(self, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((2 * (x - self._domain.center) / self._domain.width).astype(np.float32))

    def _scaled_out(self, y: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((2 * (y - self._low) / (self._high - self._low) - 1).astype(np.float32))

    def _fit(self, x: torch.Tensor, y: torch.Tensor, seconds: float) -> None:
        first_rate = _LEARNING_RATE * min(1.0, _WIDEST_AT_THAT_RATE / self.width)
        adam = torch.optim.Adam(self.layers.parameters(), lr=first_rate)
        start = perf_counter()
        while True:
            for batch in torch.randperm(len(x)).split(_BATCH):
                done = (perf_counter() - start) / seconds
                if done >= 1:
                    return
                decay = _LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2
                adam.param_groups[0]["lr"] = first_rate * decay
                adam.zero_grad()
                nn.functional.mse_loss(self.layers(x[batch]), y[batch]).backward()
                adam.step()
