"""Rigorous bounds against errors: at many random points, and at the worst ones that a long search finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from soundness_systems import random_points, states, target

import vanillaflow as vf
from vanillaflow.certificates.evaluation import evaluator

# Points that are evaluated together, and what a search has that certificates do not use for their own.
_BATCH = 100_000
_SEARCH = {"points": 50_000, "starts": 64, "rounds": 40, "seed": 1}


@dataclass(frozen=True)
class Comparison:
    """A bound, and the errors that it must not be below."""

    bound: float
    random: float
    searched: float
    cells: int
    seconds: float
    # Whether those of each output are below its own bound, too.
    each_output: bool

    @property
    def ratio(self) -> float:
        return self.bound / max(self.random, self.searched)

    @property
    def violated(self) -> bool:
        return not (self.ratio >= 1 and self.each_output)


def comparison(name: str, flow: vf.PlanarFlow | vf.FeedforwardNetwork, dtype: str, points: int) -> Comparison:
    """The bound of a default certificate against the errors at `points` random points and the search's."""
    proved = vf.certify(flow, target(name), "rigorous", dtype=dtype)
    searched = vf.certify(flow, target(name), "sampled", dtype=dtype, **_SEARCH)
    evaluate, random = evaluator(flow, dtype), np.zeros(target(name).dim)
    for seed in range(1000, 1000 + -(-points // _BATCH)):
        x = random_points(name, min(_BATCH, points), seed)
        errors = np.abs(evaluate(x) - states(name, len(x), seed))
        random = np.maximum(random, errors.max(axis=0))
    return Comparison(
        proved.bound,
        float(random.max()),
        searched.bound,
        proved.points,
        proved.seconds,
        bool(np.all(np.maximum(random, searched.per_output) <= proved.per_output)),
    )
