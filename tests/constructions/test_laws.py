"""What holds for every construction, on every small system of the zoo: a new one gets it by its line."""

from functools import cache

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import PlanarFlow
from vanillaflow.constructions.registry import CONSTRUCTIONS
from vanillaflow.planar.affine import affine_fit
from zoo_cases import SMALL, target

METHODS = tuple(CONSTRUCTIONS)


@cache
def tolerance(name: str) -> float:
    """Less than the error of the closest affine map, and so much that every construction takes seconds."""
    exact = target(name)
    x = exact.domain.sample(512)
    M, m = affine_fit(x, exact(x))
    return 0.8 * float(np.max(np.abs(x @ M.T + m - exact(x))))


@cache
def compiled(name: str, method: str) -> PlanarFlow:
    return vf.compile(target(name), tolerance(name), method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SMALL)
def test_the_flow_is_within_the_tolerance_and_says_how_it_was_made(name, method):
    exact, flow = target(name), compiled(name, method)
    assert flow.domain == exact.domain
    provenance = flow.provenance
    assert (provenance.system, provenance.method) == (name, method)
    assert provenance.error <= provenance.tolerance == tolerance(name)
    assert provenance.path[-1][1:] == (flow.kinks, provenance.error)
    # The search that decided is not the one that looks now; both find a lower bound.
    assert vf.certify(flow, exact, seed=77).bound <= 1.05 * tolerance(name)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SMALL)
def test_the_flow_is_invertible_and_a_network(name, method):
    flow = compiled(name, method)
    x = flow.domain.sample(256, seed=5)
    y = flow(x)
    size = np.max(np.abs(flow.domain.width))
    assert np.max(np.abs(flow.inverse(y) - x)) <= 1e-9 * size
    np.testing.assert_allclose(flow.to_network()(x), y, rtol=0, atol=1e-9 * (size + np.abs(y).max()))


@pytest.mark.parametrize("method", METHODS)
def test_too_few_kinks_are_refused_with_the_best_flow_within_them(method):
    exact = target("pendulum")
    with pytest.raises(vf.ToleranceNotReached) as refusal:
        vf.compile(exact, 1e-3, method, max_kinks=3)
    if refusal.value.flow is None:
        assert refusal.value.needed > 3
    else:
        assert refusal.value.error > 1e-3
        x = exact.domain.sample(512, seed=3)
        assert np.max(np.abs(refusal.value.flow(x) - exact(x))) <= 1.05 * refusal.value.error


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_flow(method):
    again = vf.compile(target("pendulum"), tolerance("pendulum"), method)
    flow = compiled("pendulum", method)
    assert all(
        np.array_equal(getattr(flow, name), getattr(again, name)) for name in ("a", "w", "t", "M", "m")
    )
