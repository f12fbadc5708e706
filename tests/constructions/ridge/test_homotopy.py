"""Growth of ridge maps, and homotopy in time: what they lower, and that a hard flow is reached."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import Box, FlowMap
from vanillaflow.constructions.construction import never, quiet
from vanillaflow.constructions.ridge.fit import RidgeFit
from vanillaflow.constructions.ridge.growth import _pulled_back, grow
from vanillaflow.constructions.ridge.homotopy import Homotopy, with_best_affine
from vanillaflow.constructions.ridge.maps import idle_maps
from vanillaflow.constructions.ridge.objective import Objective
from vanillaflow.constructions.ridge.settings import DEFAULTS
from vanillaflow.runtime.threads import own_threads
from vanillaflow.sampling.samples import Samples, p_norm


def rossler_like() -> FlowMap:
    """Half a turn of a field that folds: too long for one fit from random directions."""
    return FlowMap(
        lambda t, x: np.stack(
            [-x[:, 1] - x[:, 2], x[:, 0] + 0.2 * x[:, 1], 0.2 + x[:, 2] * (2 * x[:, 0] - 2)], axis=1
        ),
        3.0,
        Box([-1, -1, 0], [1, 1, 1]),
    )


@pytest.mark.parametrize("power", [2.0, 8.0])
@pytest.mark.parametrize("held", [0, 1])
def test_one_map_more_lowers_the_norm(power, held):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(1500, 3))
    y = x.copy()
    y[:, 0] += 0.2 * np.sin(2 * x[:, 1] - x[:, 2])
    y[:, 1] += 0.1 * np.cos(x[:, 0] + x[:, 2])
    objective = Objective(Samples(x, y))
    fit = RidgeFit(idle_maps(x, np.zeros((0, 3)), 8, held), np.inf, 1e-5, x)
    norms = [objective.norm(fit.maps, objective.residual(fit.maps), power)]
    with own_threads():
        for count in range(1, 4):
            fit = grow(fit, objective, power, 0.0, rng, never)
            assert len(fit.maps.w) == count
            norms.append(objective.norm(fit.maps, objective.residual(fit.maps), power))
    assert np.all(np.diff(norms) <= 0)
    assert norms[-1] < norms[0] / 10
    assert np.array_equal(fit.maps(x)[:, 3 - held :], x[:, 3 - held :])


def test_the_residual_is_pulled_back():
    rng = np.random.default_rng(1)
    S, r = np.eye(3) + 0.2 * rng.normal(size=(40, 3, 3)), rng.normal(size=(40, 3))
    back = _pulled_back(S, r, 1e-12)
    np.testing.assert_allclose((S @ back[:, :, None])[:, :, 0], r, atol=1e-9)
    # Where nothing can be done, little is tried.
    S[0] = 0.0
    assert np.all(np.isfinite(_pulled_back(S, r, 1e-4)))


def test_the_best_affine_map_leaves_nothing_of_an_affine_flow():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, size=(100, 3))
    y = x @ rng.normal(size=(3, 3)) + rng.normal(size=3)
    y[:, 2] = x[:, 2]
    maps = with_best_affine(idle_maps(x, np.zeros((0, 3)), 8, held=1), x, y)
    np.testing.assert_allclose(maps(x), y, atol=1e-12)
    assert np.array_equal(maps(x)[:, 2], x[:, 2])


def test_a_flow_of_half_a_turn_is_reached():
    target = rossler_like()
    goal = 5e-3
    with own_threads():
        homotopy = Homotopy(target, 0, DEFAULTS)
        fit = homotopy.until(goal, 30, never, quiet)
        assert fit.norm <= goal
        x = target.domain.sample(3000, 9)
        # The points of the fit are dense towards the boundary, so the norm there is no smaller than inside.
        assert p_norm(fit.maps(x) - target(x), 2) <= 2 * goal
        # More maps, with points where it is worst, lower the maximum there.
        error = np.abs(fit.maps(x) - target(x)).max(axis=1)
        worst = np.argsort(-error)[:100]
        more = homotopy.more(fit, Samples(x[worst], target(x[worst])), never)
    assert len(more.maps.w) > len(fit.maps.w)
    assert np.abs(more.maps(x[worst]) - target(x[worst])).max() < error.max()


def test_flows_known_at_their_end_are_followed_on_straight_lines():
    flow = vf.zoo.pendulum().target()
    x = flow.domain.sample(900, seed=3)
    target = FlowMap.from_samples(x, flow(x), flow.domain)
    assert not target.knows_trajectories
    with own_threads():
        fit = Homotopy(target, 0, DEFAULTS).until(5e-2, 10, never, quiet)
    assert fit.norm <= 5e-2
