"""Assembly equals the plain composition, and keeps the affine maps that it carries well conditioned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow import Box
from vanillaflow.planar.assembly import CONDITION_LIMIT, AffineMap, RidgeMaps, assemble


def apply(maps: list[AffineMap | RidgeMaps], x: np.ndarray) -> np.ndarray:
    for item in maps:
        if isinstance(item, AffineMap):
            x = x @ item.M.T + item.m
            continue
        x = x + (item.slope * (x @ item.w.T) + item.offset) @ item.a
        for a, w, betas, thresholds in zip(item.a, item.w, item.beta, item.t):
            for beta, t in zip(betas, thresholds):
                x = x + np.outer(beta * np.maximum(x @ w - t, 0), a)
    return x


def random_maps(seed: int, d: int, kinds: list[str]) -> list[AffineMap | RidgeMaps]:
    """Every factor within [1/3, 3]: an affine map's singular values, 1 + slope w.a, and each kappa."""
    rng = np.random.default_rng(seed)

    def factor(*shape: int) -> np.ndarray:
        return np.exp(rng.uniform(-np.log(3), np.log(3), shape))

    maps: list[AffineMap | RidgeMaps] = []
    for kind in kinds:
        if kind == "affine":
            left, right = np.linalg.qr(rng.standard_normal((2, d, d)))[0]
            maps.append(AffineMap(left * factor(d) @ right, rng.standard_normal(d)))
            continue
        a, w = rng.standard_normal((2, d))
        a += (rng.choice([-1.0, 1.0]) - a @ w) / (w @ w) * w  # w.a = 1 or -1
        if kind == "shear" and d > 1:
            a -= (a @ w) / (w @ w) * w
        k = rng.integers(0, 4)
        along = a @ w if abs(a @ w) > 0.5 else 1.0
        maps.append(
            RidgeMaps(
                a[None],
                w[None],
                (factor(1) - 1) / along,
                rng.standard_normal(1),
                ((factor(k) - 1) / along,),
                (np.sort(rng.uniform(-1, 1, k)),),
            )
        )
    return maps


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 3, 6]),
    st.lists(st.sampled_from(["affine", "ridge", "shear"]), max_size=8),
)
def test_assembly_equals_the_plain_composition(seed, d, kinds):
    maps = random_maps(seed, d, kinds)
    box = Box(-np.ones(d), np.ones(d))
    flow = assemble(maps, d, box)
    x = np.random.default_rng(seed).uniform(-3, 3, (100, d))
    states = [apply(maps[:i], x) for i in range(len(maps) + 1)]
    unit = max(float(np.max(np.abs(y))) for y in states)
    # Eight maps enlarge by up to a few units each; a rounding is a few eps of the largest number.
    np.testing.assert_allclose(flow(x), states[-1], rtol=0, atol=1e-11 * unit)
    assert flow.domain == box
    assert flow.kinks == sum(item.t[0].size for item in maps if isinstance(item, RidgeMaps))


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 3, 6]),
    st.lists(st.sampled_from(["affine", "ridge", "shear"]), max_size=8),
)
def test_planar_maps_keep_their_condition(seed, d, kinds):
    """In carried coordinates a and w are M^-1 a and M^T w with cond M at most the limit, so |w||a| grows by
    at most that factor; w.a, and with it kappa, does not change at all."""
    maps = random_maps(seed, d, kinds)
    flow = assemble(maps, d)
    own = [(item, beta) for item in maps if isinstance(item, RidgeMaps) for beta in item.beta[0]]
    for i, (item, beta) in enumerate(own):
        size = np.linalg.norm(item.w[0]) * np.linalg.norm(beta * item.a[0])
        assert np.linalg.norm(flow.w[i]) * np.linalg.norm(flow.a[i]) <= (1 + 1e-9) * CONDITION_LIMIT * size
        assert flow.kappa[i] == pytest.approx(1 + beta * item.w[0] @ item.a[0], rel=1e-9)


def one_kink(slope: float) -> RidgeMaps:
    axis = np.array([[1.0, 0.0]])
    return RidgeMaps(axis, axis, np.array([slope]), np.zeros(1), (np.array([0.5]),), (np.array([0.1]),))


def test_affine_maps_merge_while_they_are_well_conditioned():
    turn = AffineMap(np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([1.0, 2.0]))
    kink = one_kink(slope=0.0)
    flow = assemble([turn, kink, turn, kink, turn], 2)
    assert flow.kinks == 2 and flow.stops.tolist() == [2]


def test_strong_affine_maps_stay_in_place():
    """Also when it is the affine parts of ridge maps that add up: twenty doublings of one coordinate."""
    squeeze = AffineMap(np.diag([1.0, 1e-3]), np.zeros(2))
    double = one_kink(slope=1.0)
    flow = assemble([squeeze, double, squeeze], 2)
    assert flow.stops.tolist() == [0, 1]
    flow = assemble([double] * 20, 2)
    assert np.all(np.linalg.norm(flow.w, axis=1) * np.linalg.norm(flow.a, axis=1) < 0.5 * CONDITION_LIMIT)
    assert flow.stops.size >= 7 and np.linalg.cond(flow.M).max() <= 2 * CONDITION_LIMIT
    x = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    np.testing.assert_allclose(flow.inverse(flow(x)), x, rtol=0, atol=1e-12)


def test_nothing_to_assemble():
    for flow in (assemble([], 3), assemble([AffineMap(np.eye(3), np.zeros(3))], 3)):
        assert flow.dim == 3 and flow.kinks == 0 and flow.stops.size == 0


@pytest.mark.parametrize("units", [[1.0, 1.0], [1e-9, 1e9]])
@pytest.mark.parametrize("M", [[[0, 0], [0, 0]], [[1, 2], [2, 4]], [[0, 1], [0, 0]]])
def test_a_singular_affine_map_becomes_one_that_can_be_undone_and_is_as_close_as_rounding(M, units):
    """As exp(-3000) is in floating point."""
    units = np.array(units)
    M = np.array(M, dtype=float) * units[:, None] / units
    flow = assemble([AffineMap(M, units)], 2, Box(-units / 2, units / 2))
    x = flow.domain.sample(64)
    assert np.max(np.abs(flow(x) - x @ M.T - units) / units) <= 1e-12
    assert np.all(np.isfinite(flow.inverse(flow(x))))
