"""Ridge maps: their derivative, their fit, and the kinks that they become."""

from dataclasses import replace

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.constructions.construction import never
from vanillaflow.constructions.refine.ridge_start import ridge_start
from vanillaflow.constructions.ridge.fit import RidgeFit, fit_ridges
from vanillaflow.constructions.ridge.maps import RidgeMaps, idle_maps
from vanillaflow.runtime.threads import own_threads
from vanillaflow.sampling.samples import p_norm


def random_maps(dim: int, count: int, x: np.ndarray, seed: int) -> RidgeMaps:
    """Maps that bend little, so that none folds over."""
    rng = np.random.default_rng(seed)
    maps = idle_maps(x, rng.normal(size=(count, dim)), 5)
    return maps.move(0.005 * rng.normal(size=maps.count)).fit_ranges(x)


@pytest.mark.parametrize(("dim", "count"), [(1, 2), (2, 3), (3, 4)])
def test_the_jacobian_is_the_derivative(dim, count):
    rng = np.random.default_rng(dim)
    x = rng.normal(size=(40, dim))
    maps = random_maps(dim, count, x, 1)
    J = maps.jacobian(maps.states(x))
    direction, h = rng.normal(size=maps.count), 1e-6
    difference = (maps.move(h * direction)(x) - maps.move(-h * direction)(x)) / (2 * h)
    assert np.allclose(J @ direction, difference, rtol=0, atol=1e-7 * np.abs(J @ direction).max())


def test_new_ranges_change_nothing():
    x = np.random.default_rng(0).normal(size=(100, 2))
    maps = random_maps(2, 3, x, 2)
    assert np.allclose(maps.fit_ranges(0.9 * x)(0.9 * x), maps(0.9 * x), rtol=0, atol=1e-12)
    assert np.allclose(np.linalg.norm(maps.w, axis=1), 1)


@pytest.mark.parametrize("reflected", [False, True])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_kinks_come_closer_with_the_square_of_their_number(dim, reflected):
    x = np.random.default_rng(3).uniform(-1, 1, size=(3000, dim))
    maps = random_maps(dim, 3, x, 4)
    if reflected:
        # The same bends on top of a reflection along w: x - 2 w (w.x) plus f.
        turned = maps.F.copy()
        turned[0, 1] -= 2 * maps.w[0] * (maps.high[0] - maps.low[0]) / 2
        maps = replace(maps, F=turned).fit_ranges(x)
    fit = RidgeFit(maps, 0.0, 1.0, x)
    few, many = (ridge_start(fit, kinks).parameters for kinks in (30, 120))
    assert (few.kinks, many.kinks) == (30, 120)
    few_error, many_error = (p_norm(start(x) - maps(x), 2) for start in (few, many))
    # Four times the kinks, a sixteenth of the error; a little more for bins and whole numbers.
    assert 0 < many_error < few_error / 12


def test_every_number_of_kinks_can_be_had():
    x = np.random.default_rng(5).uniform(-1, 1, size=(500, 2))
    fit = RidgeFit(random_maps(2, 3, x, 6), 0.0, 1.0, x)
    for kinks in range(1, 25):
        start = ridge_start(fit, kinks).parameters
        assert start.kinks == kinks
        assert np.all(np.isfinite(start(x)))


def test_a_profile_that_folds_over_still_gives_an_invertible_flow():
    x = np.random.default_rng(7).uniform(-1, 1, size=(500, 2))
    maps = idle_maps(x, np.array([[1.0, 0.0]]), 5)
    bent = maps.F.copy()
    bent[0, 3, 0] = 0.5
    start = ridge_start(RidgeFit(replace(maps, F=bent), 0.0, 1.0, x), 12).parameters
    assert np.all(1 + np.einsum("ld,ld->l", start.a, start.w) > 0)
    assert np.all(np.isfinite(start(x)))


def test_a_few_ridge_maps_follow_the_pendulum():
    # Two kicks, as many as one Strang step has, with free profiles: the splitting error is fitted away.
    target = vf.zoo.pendulum().target()
    with own_threads():
        two, four = (fit_ridges(target, count, 0.0, 0, never) for count in (2, 4))
    assert two[0].norm < 3e-3
    assert four[0].norm < two[0].norm / 3
    assert [fit.norm for fit in two] == sorted(fit.norm for fit in two)
    x = target.domain.sample(2000, 9)
    assert p_norm(four[0].maps(x) - target(x), 2) < 2 * four[0].norm + 1e-5
