"""The race of the starts: whatever won with many kinks, there is a start with few."""

import numpy as np

from vanillaflow import Box, FlowMap, RidgeField
from vanillaflow.constructions.refine.starts import Starts
from vanillaflow.sampling.samples import sample

# One ridge that stretches: a coarse split construction is nearly exact, and all other kinds fall behind.
STRETCHING = FlowMap(
    RidgeField([[1.0, 0.3]], [[1.0, 0.0]], [0.1], "tanh", A=[[0, 0.5], [-0.5, 0]]),
    1.0,
    Box([-1, -1], [1, 1]),
    rtol=1e-6,
)


def test_every_number_of_kinks_has_a_start():
    starts, rng = Starts(STRETCHING, goal=1e-4, seed=0), np.random.default_rng(0)
    samples = sample(STRETCHING, 1024, 0)
    errors = {}
    for kinks in (16, 12, 4, 3, 2, 1):
        fit = starts.best(kinks, samples, rng)
        assert 1 <= fit.parameters.kinks <= kinks
        errors[kinks] = fit.norm
    assert errors[16] < 0.1 * errors[1]
