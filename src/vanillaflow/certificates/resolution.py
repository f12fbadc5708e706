"""How exactly the error at a point can be evaluated: in another order of summation, by another step size.

Two machines that evaluate one network, or one that solves the flow in other batches, find errors that differ
by so much. It is told for each point and each output, so that neither a network with huge values elsewhere
nor a coordinate in large units blurs the others. These are estimates, no bounds: see `measurement` for how
little depends on them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from ..network.feedforward import FeedforwardNetwork
from ..network.precision import rounded_layers
from ..planar.flow import PlanarFlow
from ..target import Target

# Evaluations with random roundings; the largest of so many deviations is rarely below one standard deviation.
_TRIALS = 8
# The solver's error is its difference from a solution with a tolerance so many times smaller.
FINER = 1000


def rounding(
    flow: PlanarFlow | FeedforwardNetwork, dtype: str, target: Target, x: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, "n d"]:
    """How far roundings in `dtype` move each output at each row of x: the largest of a few random trials.

    Monte Carlo arithmetic (Parker 1997): every sum W y + b of a network is moved by up to u (|W| |y| + |b|),
    its rounding in whatever order it is summed, with u = eps / 2. Of a PlanarFlow of L maps, L + 1 roundings
    of a state as large as the box move the starting point instead.
    """
    rng = np.random.default_rng(0)
    unit = float(np.finfo(dtype).eps) / 2
    if isinstance(flow, PlanarFlow):
        size = np.maximum(np.abs(target.domain.low), np.abs(target.domain.high))
        reach = unit * (flow.kinks + len(flow.stops) + 1) * size
        trials = [flow(x + reach * rng.choice([-1.0, 1.0], x.shape)) for _ in range(_TRIALS)]
        return _largest_move(flow(x), trials)
    weights, biases, slopes = rounded_layers(flow, dtype)
    layers = [(W.astype(np.float64), b.astype(np.float64)) for W, b in zip(weights, biases)]

    def evaluate(size: float) -> np.ndarray:
        y = np.asarray(x, dtype=np.float64)
        for number, (W, b) in enumerate(layers):
            moved = size * rng.uniform(-1.0, 1.0, (len(y), len(b))) * (np.abs(y) @ np.abs(W.T) + np.abs(b))
            y = y @ W.T + b + moved
            if number < len(slopes):
                y = np.maximum(y, slopes[number].astype(np.float64) * y)
        return y

    with np.errstate(over="ignore", invalid="ignore"):
        return _largest_move(evaluate(0.0), [evaluate(unit) for _ in range(_TRIALS)])


def solver_errors(
    target: Target, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n d"] | None = None
) -> Float[np.ndarray, "n d"]:
    """How far the images of the rows of x, y if they are known, are from those of a smaller tolerance; 0
    where the target has no solver."""
    fine = target.finer(FINER)
    if fine is target:
        return np.zeros_like(x)
    return np.abs(fine(x) - (target(x) if y is None else y))


def _largest_move(y: np.ndarray, trials: list[np.ndarray]) -> np.ndarray:
    """What is not a number is moved without limit."""
    moved = np.max([np.abs(trial - y) for trial in trials], axis=0)
    return np.where(np.isnan(moved), np.inf, moved)
