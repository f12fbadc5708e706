"""Equalizing makes the error more alike over the box, where least squares leaves it uneven."""

import numpy as np

import vanillaflow as vf
from vanillaflow.constructions.construction import Limits, quiet
from vanillaflow.constructions.refine.equalize import equalize
from vanillaflow.constructions.refine.least_squares.least_squares import minimize
from vanillaflow.constructions.refine.search import Search
from vanillaflow.constructions.refine.slices import sliced_start
from vanillaflow.sampling.samples import p_norm


def test_the_error_is_more_even():
    """fitzhugh_nagumo stretches a band of the box, where least squares leaves the largest errors."""
    search = Search(vf.zoo.fitzhugh_nagumo().target(), 1e-2, Limits(), quiet)
    samples, rng = search.samples(24), np.random.default_rng(0)
    start = sliced_start(search.training, 24, 2, rng, seed=0)
    fit = minimize(start, samples, 2.0, 30, rng)
    even = equalize(fit.parameters, search, rng)
    x = search.target.domain.sample(20_000, seed=5)
    y = search.training(x)
    before, after = fit.parameters(x) - y, even(x) - y
    assert p_norm(after, 8) < 0.9 * p_norm(before, 8)
    assert p_norm(after, 2) < 1.1 * p_norm(before, 2)
