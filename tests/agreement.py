"""How far a network is from its flow, and how far rounding may take it."""

import numpy as np

from vanillaflow import FeedforwardNetwork, PlanarFlow
from vanillaflow.box import search_points


def disagreement(flow: PlanarFlow, network: FeedforwardNetwork, x: np.ndarray) -> np.ndarray:
    return np.abs(network(x) - flow(x)).max(axis=1)


def worst_disagreement(
    flow: PlanarFlow, network: FeedforwardNetwork, points: int, rounds: int, seed: int
) -> float:
    """Over search points of the box, then climbing from the worst of them by random moves."""
    box, rng = flow.domain, np.random.default_rng(seed)
    x = search_points(box, points, seed)
    errors = disagreement(flow, network, x)
    start = np.argsort(-errors)[:16]
    x, errors = x[start], errors[start]
    for step in 0.1 * 0.5 ** np.arange(rounds):
        tried = box.clip(
            np.repeat(x, 8, axis=0) + step * box.width * rng.standard_normal((8 * len(x), box.dim))
        )
        found = disagreement(flow, network, tried).reshape(len(x), 8)
        best = found.argmax(axis=1)
        rows = np.flatnonzero(found.max(axis=1) > errors)
        x[rows] = tried.reshape(len(x), 8, -1)[rows, best[rows]]
        errors = np.maximum(errors, found.max(axis=1))
    return float(errors.max())


def rounding(network: FeedforwardNetwork, x: np.ndarray) -> float:
    """The most that float64 may cost the network at the rows of x.

    Layer by layer, to first order: an incoming error e becomes |W| e, and forming W, b and the products errs
    by some 4 (d + 4) eps of |W| |y| + |b|, with room for the condition of the layers' bases, below about 10.
    A kink at 1e4 that the box never meets has a bias of 1e4, so its rounding is that of 1e4.
    """
    eps = 40 * (network.width + 4) * np.finfo(float).eps
    error, y = eps * np.abs(x), x
    for layer, (W, b) in enumerate(zip(network.weights, network.biases)):
        error = error @ np.abs(W).T + eps * (np.abs(y) @ np.abs(W).T + np.abs(b))
        y = y @ W.T + b
        if layer < network.depth:
            y = np.maximum(y, network.slopes[layer] * y)
    return float(error.max())
