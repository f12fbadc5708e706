"""Pushes in time of every width, at random times, against their integrals: does the exact flow see them?"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np
import torch
from torch import nn

import vanillaflow as vf

SHAPES = {"rectangle": 1.0, "triangle": 0.5, "bell": 0.5 * np.sqrt(np.pi)}
# Two solves may differ by a hundred tolerances of 1e-10.
ALLOWED = 1e-8


def push(shape: str, t, center: float, width: float):
    """The value at time t; its integral over all times is SHAPES[shape] * width."""
    u = (t - center) / width
    if shape == "rectangle":
        return 1.0 * (abs(u) <= 0.5)
    return np.maximum(0.0, 1 - 2 * abs(u)) if shape == "triangle" else np.exp(-((2 * u) ** 2))


class Pushed(nn.Module):
    """x' = height * rectangle(t) in all coordinates."""

    def __init__(self, height: float, center: float, width: float):
        super().__init__()
        self.height, self.center, self.width = height, center, width

    def forward(self, t, x):
        on = ((t - self.center).abs() <= self.width / 2).to(x.dtype)
        return torch.zeros_like(x) + self.height * on


def field_of(door: str, shape: str, dim: int, height: float, center: float, width: float):
    """The same push through one of the doors."""
    if door == "callable":
        return vf.from_callable(lambda t, x: np.full_like(x, height * push(shape, t, center, width)), dim)
    if door == "module":
        return vf.from_torch(Pushed(height, center, width), dim=dim)
    u = f"(t - {center!r})/{width!r}"
    text = f"exp(-(2*{u})**2)" if shape == "bell" else f"relu(1 - 2*abs({u}))"
    return vf.from_equations({f"x{i}": f"{height!r}*{text}" for i in range(dim)})


def run(seconds: float, seed: int) -> list[tuple[str, int, int]]:
    """(what was tried, how many, how many wrong): a push is wrong if neither met nor refused with a time, or
    if a batch of one point differs from a larger one."""
    rng = np.random.default_rng(seed)
    counts = {door: [0, 0] for door in ("callable", "module", "equations")}
    until = perf_counter() + seconds
    while perf_counter() < until:
        for door, count in counts.items():
            shapes = {"module": ["rectangle"], "equations": ["triangle", "bell"]}.get(door, list(SHAPES))
            shape, dim = str(rng.choice(shapes)), int(rng.integers(1, 5))
            duration = 10 ** rng.uniform(-2, 3)
            width = duration * 10 ** rng.uniform(-4, -1)
            center = duration * rng.uniform(0.25, 0.75)
            height = 10 ** rng.uniform(-2, 2) / width
            box = vf.Box(-np.ones(dim), np.ones(dim))
            target = vf.FlowMap(field_of(door, shape, dim, height, center, width), duration, box)
            x = box.sample(5)
            moved = height * SHAPES[shape] * width
            count[0] += 1
            try:
                y, alone = target(x), target(x[:1])
            except vf.FlowNotResolved:
                continue
            off = max(np.abs(y - x - moved).max(), np.abs(alone - y[:1]).max())
            count[1] += bool(off > ALLOWED * (1 + moved))
    return [(f"pushes in time, {door}", *count) for door, count in counts.items()]


if __name__ == "__main__":
    for row in run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, 0):
        print(*row, sep="\t")
