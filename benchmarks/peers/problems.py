"""The five problems, and the points at which a method's error is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import vanillaflow as vf
from vanillaflow.box import search_points

from .peer import Points, Problem

_SEED = 20240
_HIGH = 8
_DIM, _HIDDEN = 4, 64


def random_node() -> vf.FlowMap:
    """A random neural ODE, Linear(4, 64), Tanh, Linear(64, 4), on [-1, 1]^4 for a duration of 1.

    Weights and biases as torch initializes them: uniform within 1 / sqrt(number of inputs) of the layer.
    """
    rng = np.random.default_rng(_SEED)

    def uniform(inputs: int, *shape: int) -> np.ndarray:
        return rng.uniform(-1, 1, shape) / np.sqrt(inputs)

    w, b = uniform(_DIM, _HIDDEN, _DIM), uniform(_DIM, _HIDDEN)
    a, c = uniform(_HIDDEN, _HIDDEN, _DIM), uniform(_HIDDEN, _DIM)
    box = vf.Box(-np.ones(_DIM), np.ones(_DIM))
    return vf.FlowMap(vf.RidgeField(a, w, b, "tanh", c=c), 1.0, box, name="random_node")


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "spiral_node": lambda: Problem("spiral_node", "network", vf.zoo.spiral_node().target()),
    "pendulum": lambda: Problem("pendulum", "pendulum", vf.zoo.pendulum().target()),
    "hopfield": lambda: Problem("hopfield", "hopfield", vf.zoo.hopfield().target()),
    "random_node": lambda: Problem("random_node", "network", random_node()),
    "allen_cahn": lambda: Problem("allen_cahn", "allen_cahn", vf.zoo.allen_cahn(64).target()),
}


def measured_at(problem: Problem, seed: int = 1) -> tuple[Points, Points]:
    """About 4000 float32 points of the box, its faces and corners, and their images in float64."""
    # In high dimension there are as many corners as interior points, and points with a pattern.
    interior = 2600 if problem.dim < _HIGH else 1300
    x = search_points(problem.target.domain, interior, seed).astype(np.float32)
    return x, problem.target(x)


def batch(problem: Problem, n: int, seed: int = 2) -> Points:
    """n uniform points of the box, float32 and in one piece."""
    domain = problem.target.domain
    return np.random.default_rng(seed).uniform(domain.low, domain.high, (n, domain.dim)).astype(np.float32)
