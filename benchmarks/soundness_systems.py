"""The systems of the soundness benchmark and their compiled networks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

import vanillaflow as vf

SYSTEMS = (
    "pendulum",
    "van_der_pol",
    "duffing",
    "lotka_volterra",
    "brusselator",
    "spiral_node",
    "hopfield",
    "lorenz",
)
TOLERANCE = 1e-2
# Where states move far: TOLERANCE is a part of the displacement.
_RELATIVE = ("lorenz",)


@cache
def target(name: str) -> vf.FlowMap:
    return vf.zoo.load(name).target()


def compiled(name: str, folder: Path | None) -> vf.PlanarFlow:
    """The system compiled at TOLERANCE; from the folder if it is there, else saved to it."""
    if folder is None:
        return vf.compile(target(name), _tolerance(name), "refine")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}_{TOLERANCE:g}.safetensors"
    if not file.exists():
        vf.compile(target(name), _tolerance(name), "refine").save(file)
    flow = vf.load(file)
    assert isinstance(flow, vf.PlanarFlow)
    return flow


def _tolerance(name: str) -> float:
    if name not in _RELATIVE:
        return TOLERANCE
    x = target(name).domain.sample(512)
    return TOLERANCE * float(np.abs(target(name)(x) - x).max())


def random_points(name: str, count: int, seed: int) -> Float[np.ndarray, "n d"]:
    return target(name).domain.uniform(count, seed=seed)


@cache
def states(name: str, count: int, seed: int) -> Float[np.ndarray, "n d"]:
    """The exact flow at `random_points`."""
    return target(name)(random_points(name, count, seed))
