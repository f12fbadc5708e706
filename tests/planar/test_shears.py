"""Taking planar maps apart: exact, into layers that are well conditioned."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import flows
from vanillaflow.planar.normal_form import normal_form
from vanillaflow.planar.shears import LEAST_COSINE, Kinks, cosines, holdable


def applied(layers: list[Kinks], x: np.ndarray) -> np.ndarray:
    for kinks in layers:
        x = x + np.maximum(x @ kinks.w.T - kinks.t, 0) @ kinks.a
    return x


@settings(deadline=None, max_examples=40)
@given(flows(), st.integers(0, 99))
def test_single_maps_stay_the_same(flow, seed):
    flow = normal_form(flow)
    x = flow.domain.sample(64, seed)
    for i in range(flow.kinks):
        a, w, t = flow.a[i : i + 1], flow.w[i : i + 1], flow.t[i : i + 1]
        layers = holdable(a, w, t, cosines(flow)[i : i + 1] < LEAST_COSINE)
        size = 1 + np.abs(x).max() + np.abs(applied([Kinks(a, w, t)], x)).max() + np.abs(t).max()
        np.testing.assert_allclose(
            applied(layers, x),
            applied([Kinks(a, w, t)], x),
            rtol=0,
            atol=1e-13 * size * (1 + np.abs(a).max()),
        )
        for kinks in layers:
            along = np.einsum("kd,kd->k", kinks.w, kinks.a)
            assert np.all(np.abs(along) >= (1 - 1e-9) * LEAST_COSINE * np.linalg.norm(kinks.a, axis=1))
            assert np.all(1 + along > 0)


@pytest.mark.parametrize("seed", range(10))
def test_shears_of_one_layer_share_the_tilts(seed):
    """w in the first three coordinates, at acute angles; a in the others: all of them commute."""
    rng = np.random.default_rng(seed)
    w = np.zeros((3, 6))
    w[:, :3] = np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    a = np.zeros((3, 6))
    a[:, 3:] = rng.standard_normal((3, 3)) * [[1e-3], [1.0], [30.0]]
    t = rng.uniform(-1, 1, 3)
    x = rng.uniform(-2, 2, (200, 6))
    layers = holdable(a, w, t, np.ones(3, dtype=bool))
    expected = applied([Kinks(a, w, t)], x)
    np.testing.assert_allclose(applied(layers, x), expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    for kinks in layers:
        # w_i.a_j = 0 for i != j, and one stretch for all, so that one slope does for the layer.
        stretch = kinks.w @ kinks.a.T
        np.testing.assert_allclose(
            stretch, stretch[0, 0] * np.eye(3), rtol=0, atol=1e-13 * abs(stretch[0, 0])
        )
        assert abs(stretch[0, 0]) > 0.5


def test_only_what_is_apart_is_undone():
    a, w = np.array([[0.5, 0, 0], [0, 0, 1.0]]), np.eye(3)[:2]
    layers = holdable(a, w, np.zeros(2), np.array([False, True]))
    assert [len(kinks.t) for kinks in layers] == [2, 1]
    np.testing.assert_array_equal(layers[0].a[0], a[0])
    np.testing.assert_array_equal(layers[1].w, w[1:])
