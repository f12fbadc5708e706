"""What fits of ridge maps lower: its derivatives, and the calm ends of profiles that it brings."""

from dataclasses import replace

import numpy as np
import pytest

from vanillaflow import Box
from vanillaflow.constructions.construction import never
from vanillaflow.constructions.ridge.fit import RidgeFit, lower
from vanillaflow.constructions.ridge.maps import RidgeMaps, idle_maps
from vanillaflow.constructions.ridge.objective import Objective, pieces_for
from vanillaflow.constructions.ridge.pieces import pieces_between
from vanillaflow.runtime.threads import own_threads
from vanillaflow.sampling.samples import Samples

PIECES = 12.0


def case(dim: int, held: int, seed: int) -> tuple[RidgeMaps, Objective]:
    """Random ridge maps, and samples of others that they do not follow."""
    rng = np.random.default_rng(seed)
    x = Box(-np.ones(dim), np.ones(dim)).sample(300, seed)
    maps = idle_maps(x, rng.normal(size=(3, dim)), 5, held)
    maps, other = (maps.move(0.02 * rng.normal(size=maps.count)).fit_ranges(x) for _ in range(2))
    return maps, Objective(Samples(x, other(x)), PIECES)


@pytest.mark.parametrize(("dim", "held"), [(1, 0), (2, 0), (3, 1)])
@pytest.mark.parametrize("p", [2.0, 4.0, 12.0])
def test_the_gradient_is_that_of_the_norm(dim, held, p):
    maps, objective = case(dim, held, dim)
    residual = objective.residual(maps)
    norm = objective.norm(maps, residual, p)

    def power(h: float) -> float:
        moved = maps.move(h * direction)
        # N^p is a mean over n d entries, in units of the norm before.
        return (objective.norm(moved, objective.residual(moved), p) / norm) ** p

    _, g = objective.normal_equations(maps, residual, p, norm)
    # Along the gradient nothing cancels, so that what was left out is a small part.
    direction = g / np.linalg.norm(g)
    h = 1e-6
    slope = (power(h) - power(-h)) / (2 * h)
    # sum |r/N|^(p-2) r Dr = N^2/p D(sum |r/N|^p); the points left out make up a hundredth of N^p.
    entries = residual.size
    assert g @ direction == pytest.approx(norm**2 * entries / p * slope, rel=1e-6 if p == 2 else 0.1)


def test_without_an_end_of_pieces_it_is_the_error_alone():
    maps, objective = case(2, 0, 5)
    residual = objective.residual(maps)
    alone = replace(objective, pieces=np.inf)
    assert alone.norm(maps, residual, 4.0) == pytest.approx(np.mean(residual**4) ** 0.25)
    assert alone.norm(maps, residual, 4.0) < objective.norm(maps, residual, 4.0)


def test_bends_tell_what_equal_pieces_are_off_by():
    x = Box([-1, -1], [1, 1]).sample(2000, 0)
    maps = idle_maps(x, np.array([[0.6, 0.8]]), 5)
    F = maps.F.copy()
    F[0, 2] = [0.02, -0.03]
    maps = replace(maps, F=F)
    flow = pieces_between(maps, [np.linspace(maps.low[0], maps.high[0], 11)], Box([-1, -1], [1, 1]))
    promised = np.abs(maps.bends()).max() / (4 * 10**2)
    # A parabola is off by as much in the middle of a piece as at its ends, but for the first and the last.
    inner = x / 2
    assert np.abs(flow(inner) - maps(inner)).max() == pytest.approx(promised, rel=0.02)
    goal = 1e-4
    assert 0.3 * goal < np.abs(maps.bends()).max() / (4 * pieces_for(maps, goal) ** 2) <= goal
    assert pieces_for(replace(maps, F=0 * F), goal) == np.inf


def test_profiles_become_calm_where_samples_do_not_hold_them():
    """Samples in the middle of the box, a profile that bends at its ends: nothing else holds those."""
    box = Box([-1, -1], [1, 1])
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    inside = 0.3 * box.sample(500, 0)
    x = np.concatenate([inside, corners])
    maps = idle_maps(x, np.array([[1.0, 1.0]]), 12)
    F = maps.F.copy()
    F[0, 12] = 0.01
    wild = replace(maps, F=F)
    objective = Objective(Samples(inside, inside))
    calm = replace(objective, pieces=10.0)
    start = RidgeFit(wild, np.inf, 0.1, x)
    with own_threads():
        fits = [lower(start, each, 2.0, 20, 0.0, never) for each in (objective, calm)]
    bends = [np.abs(fit.maps.bends()).max() for fit in fits]
    assert bends[1] < 0.02 * bends[0]
