"""Networks with one number changed: a rigorous bound must see every change that matters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from soundness_systems import random_points, states, target

import vanillaflow as vf
from vanillaflow.certificates.evaluation import evaluator

# What is changed: an entry of the planar maps or the affine map, the place of a kink, or in the lowered
# network a weight or a bias.
PLANAR, LOWERED = ("a", "w", "t", "M", "kink"), ("weight", "bias")
KINDS = PLANAR + LOWERED
# By what part of itself a number is changed, and by what part of the box's width a kink is moved.
_NUDGE, _MOVE = 1e-2, 0.05
_FACTOR = 1.5
_POINTS, _POINTS_SEED, _SEARCH_SEED = 100_000, 77, 5


@dataclass(frozen=True)
class Judged:
    """A damaged network's bound and the largest error that was found."""

    kind: str
    dtype: str
    bound: float
    sampled: float
    seconds: float

    @property
    def ratio(self) -> float:
        return self.bound / self.sampled


def damaged_flow(flow: vf.PlanarFlow, kind: str, rng: np.random.Generator) -> vf.PlanarFlow:
    """The flow with one entry changed by _NUDGE of its size, or one kink moved. Raises ValueError if it is no
    flow any more."""
    arrays = {name: getattr(flow, name).copy() for name in ("a", "w", "t", "M")}
    if kind == "kink":
        k = rng.integers(flow.kinks)
        assert flow.domain is not None
        arrays["t"][k] += (
            rng.choice([-1.0, 1.0]) * _MOVE * flow.domain.width.max() * np.linalg.norm(flow.w[k])
        )
    else:
        _nudge(arrays[kind], rng)
    return vf.PlanarFlow(
        arrays["a"], arrays["w"], arrays["t"], flow.stops, arrays["M"], flow.m, domain=flow.domain
    )


def damaged_network(
    network: vf.FeedforwardNetwork, kind: str, rng: np.random.Generator
) -> vf.FeedforwardNetwork:
    """The network with one weight or bias changed by _NUDGE of its size."""
    weights, biases = [W.copy() for W in network.weights], [b.copy() for b in network.biases]
    layer = rng.integers(len(weights))
    _nudge((weights if kind == "weight" else biases)[layer], rng)
    return vf.FeedforwardNetwork(
        weights, biases, network.slopes, domain=network.domain, dialect=network.dialect
    )


def _nudge(array: np.ndarray, rng: np.random.Generator) -> None:
    """Change one entry that is not 0, in place."""
    where = rng.choice(np.argwhere(array))
    array[tuple(where)] *= 1 + rng.choice([-1.0, 1.0]) * _NUDGE


def damaged(
    flow: vf.PlanarFlow, kind: str, rng: np.random.Generator
) -> vf.PlanarFlow | vf.FeedforwardNetwork:
    """The flow, or for the kinds LOWERED its leaky_relu network, with a random damage of that kind."""
    if kind in LOWERED:
        return damaged_network(flow.to_network(), kind, rng)
    return damaged_flow(flow, kind, rng)


def judged(name: str, flow: vf.PlanarFlow, kind: str, seed: int) -> Judged:
    """A damage of that kind and seed: its bound, and errors at points that the certificate did not see.

    A network is evaluated in float32 for even seeds, else in float64.
    """
    worse = damaged(flow, kind, np.random.default_rng(seed))
    dtype = "float32" if kind in LOWERED and seed % 2 == 0 else "float64"
    # Damages are judged side by side: each on one thread only.
    with ThreadPoolExecutor(1) as alone:
        proved = vf.certify(worse, target(name), "rigorous", dtype=dtype, factor=_FACTOR, executor=alone)
    searched = vf.certify(worse, target(name), "sampled", seed=_SEARCH_SEED, dtype=dtype)
    x = random_points(name, _POINTS, _POINTS_SEED)
    random = np.abs(evaluator(worse, dtype)(x) - states(name, _POINTS, _POINTS_SEED)).max()
    return Judged(kind, dtype, proved.bound, max(searched.bound, float(random)), proved.seconds)
