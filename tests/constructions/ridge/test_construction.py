"""The ridge construction: within its tolerance, kinks on grids, few ridge maps, and how it fails."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.polynomial import chebyshev

import vanillaflow as vf
from vanillaflow import Box, FlowMap, PlanarFlow, RidgeField, ToleranceNotReached, compiler
from vanillaflow.constructions.construction import Limits, never
from vanillaflow.constructions.ridge.construction import Ridge
from vanillaflow.constructions.ridge.finishing import finish
from vanillaflow.constructions.ridge.fit import fit_ridges
from vanillaflow.constructions.ridge.grids import Grids, marks_for
from vanillaflow.constructions.ridge.maps import RidgeMaps, idle_maps
from vanillaflow.constructions.ridge.settings import Settings
from vanillaflow.runtime.parallel import parallel_runs
from vanillaflow.runtime.tables import table_of
from vanillaflow.runtime.threads import own_threads
from vanillaflow.sampling.samples import p_norm

SQUARE = Box([-1, -1], [1, 1])
TOLERANCE = 3e-2
SOME = ("pendulum", "duffing", "brusselator")


@cache
def compiled(name: str) -> PlanarFlow:
    return vf.compile(vf.zoo.load(name).target(), TOLERANCE, method="ridge")


def bent_maps(degree: int = 6) -> tuple[RidgeMaps, np.ndarray]:
    """Two ridge maps of the plane, one of them bent at one end only, and points."""
    x = SQUARE.sample(4000, 0)
    maps = idle_maps(x, np.array([[1.0, 0.5], [-0.3, 1.0]]), degree)
    F = maps.F.copy()
    F[0, 2], F[0, 3] = [0.05, 0.1], [0.02, -0.03]
    # (s + 1)^6, which bends most at s = 1.
    F[1, :, 0] = chebyshev.poly2cheb([1, 6, 15, 20, 15, 6, 1])[: degree + 1] / 400
    return replace(maps, F=F).fit_ranges(x), x


@pytest.mark.parametrize("name", SOME)
def test_ridge_maps_are_few(name):
    flow = compiled(name)
    runs = parallel_runs(flow.w, flow.stops)
    assert sum(last - first for first, last in runs) == flow.kinks
    assert len(runs) <= 8 and flow.kinks > 4 * len(runs)
    assert flow.to_network().condition_numbers().max() < 50


def test_a_function_will_do_as_a_field():
    target = FlowMap(lambda t, x: np.stack([x[:, 1], -np.sin(x[:, 0])], axis=1), 1.0, SQUARE)
    assert vf.compile(target, 1e-2, method="ridge").provenance.error <= 1e-2


@pytest.mark.parametrize("dim", [1, 3])
def test_other_dimensions(dim):
    rng = np.random.default_rng(dim)
    field = RidgeField(rng.normal(size=(4, dim)) / 2, rng.normal(size=(4, dim)), rng.normal(size=4), "tanh")
    target = FlowMap(field, 0.5, Box(-np.ones(dim), np.ones(dim)))
    flow = vf.compile(target, 5e-2, method="ridge")
    assert vf.certify(flow, target, method="sampled", seed=9).bound <= 1.02 * 5e-2


def test_an_affine_flow_has_no_kinks():
    field = RidgeField(np.zeros((1, 2)), [[1.0, 0.0]], [0.0], "tanh", A=[[0.0, 1.0], [-1.0, 0.0]])
    flow = vf.compile(FlowMap(field, 1.0, SQUARE), 1e-6, method="ridge")
    assert flow.kinks == 0
    turn = np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]])
    np.testing.assert_allclose(flow(np.eye(2)), turn.T, atol=1e-6)


@pytest.mark.parametrize("limits", [{"max_kinks": 10}, {"max_seconds": 1e-3}])
def test_beyond_its_limits_it_hands_over_what_there_is(limits, monkeypatch):
    monkeypatch.setattr(compiler, "_GRACE", 60.0)
    target = vf.zoo.pendulum().target()
    with pytest.raises(ToleranceNotReached, match="ridge construction reached") as refusal:
        vf.compile(target, 1e-4, method="ridge", **limits)
    flow, error = refusal.value.flow, refusal.value.error
    x = target.domain.sample(512, seed=3)
    assert flow.kinks <= 10 or "max_kinks" not in limits
    assert 1e-4 < np.abs(flow(x) - target(x)).max() <= 1.2 * error


def test_too_many_numbers_are_refused():
    ridge = Ridge(vf.zoo.pendulum().target(), Limits(), settings=Settings(most_numbers=50))
    with pytest.raises(ToleranceNotReached, match="2 ridge maps, the most that can be fitted"):
        ridge.within(1e-4)


@pytest.mark.parametrize("allowed", [1e-3, 1e-4, 1e-5])
def test_each_ridge_map_is_off_by_what_is_allowed(allowed):
    maps, x = bent_maps()
    grids = Grids(maps, x)
    flow = grids.flow(allowed, grids.sizes(allowed), SQUARE)
    off = np.abs(flow(x) - maps(x)).max()
    # Two ridge maps; bends are the largest at samples in parts of the range, and vary between marks.
    assert 0.2 * allowed < off <= 2.2 * allowed
    assert len(parallel_runs(flow.w, flow.stops)) == 2


def test_kinks_gather_where_it_bends():
    maps, x = bent_maps()
    grids = Grids(maps, x)
    flow = grids.flow(1e-4, grids.sizes(1e-4), SQUARE)
    first, last = parallel_runs(flow.w, flow.stops)[1]
    run = slice(first, last)
    gaps = np.diff(table_of(flow.a[run], flow.w[run], flow.t[run]).knots[1:])
    assert gaps.max() > 3 * gaps.min()
    np.testing.assert_allclose(gaps / gaps.min(), np.round(gaps / gaps.min()), rtol=0, atol=1e-9)


def test_marks_are_as_far_apart_as_allowed():
    bends = np.ones(64)
    # h^2 / 16 <= 1 / 16 for h <= 1: tenths of a range of length 10.
    assert marks_for(bends, 10.0, 30, 1 / 16).tolist() == list(range(3, 30, 3))
    assert marks_for(0 * bends, 10.0, 30, 1e-9).size == 0
    # A bend that one bucket cannot follow gets all marks that there are.
    assert marks_for(1e9 * bends, 10.0, 30, 1e-9).tolist() == list(range(1, 30))


def test_finishing_trades_the_mean_for_the_maximum():
    target = vf.zoo.duffing().target()
    with own_threads():
        fit = fit_ridges(target, 3, 0.0, 0, never)[0]
        better, error, _ = finish(fit, target, fit.norm, 0, never)
    x = target.domain.sample(4000, 8)
    before, after = (each.maps(x) - target(x) for each in (fit, better))
    assert np.abs(after).max() < np.abs(before).max()
    assert error < 4 * p_norm(after, 2)
    # What the search did not find.
    assert np.abs(after).max() <= 1.3 * error


def test_held_coordinates_stay():
    x = SQUARE.sample(500, 1)
    maps = idle_maps(x, np.array([[1.0, 0.5]]), 4, held=1)
    F = maps.F.copy()
    F[0, 2, 0] = 0.1
    grids = Grids(replace(maps, F=F), x)
    flow = grids.flow(1e-4, grids.sizes(1e-4), SQUARE)
    assert flow.kinks > 2
    assert np.array_equal(flow(x)[:, 1], x[:, 1])
