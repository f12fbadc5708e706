"""Planar maps with few nonzero numbers: the same results as the dense kernels, there and back."""

from dataclasses import replace

import numpy as np
import pytest

from vanillaflow.planar.flow import PlanarFlow
from vanillaflow.runtime import Runtime
from vanillaflow.runtime.sparse import sparse_maps


def sparse_flow(seed: int, d: int, kinks: int, stops: list[int]) -> PlanarFlow:
    rng = np.random.default_rng(seed)
    a, w = np.zeros((2, kinks, d))
    for row in (*a, *w):
        row[rng.permutation(d)[:3]] = 0.4 * rng.standard_normal(3)
    M = np.linalg.qr(rng.standard_normal((len(stops), d, d)))[0]
    return PlanarFlow(a, w, rng.standard_normal(kinks), stops, M, rng.standard_normal((len(stops), d)))


@pytest.mark.parametrize("stops", [[], [0], [7, 7, 20], [0, 50], [50]])
@pytest.mark.parametrize("points", [0, 1, 3, 200])
def test_the_same_as_dense(stops, points):
    flow = sparse_flow(len(stops), 40, 50, stops)
    x = np.random.default_rng(1).uniform(-2, 2, (points, 40))
    runtime = Runtime.of(flow._maps)
    assert runtime.sparse is not None
    dense = replace(runtime, sparse=None).forward(x)
    # Fifty maps that move by the order of one: some hundred roundings.
    np.testing.assert_allclose(flow(x), dense, rtol=0, atol=1e-12)
    np.testing.assert_allclose(flow.inverse(flow(x)), x, rtol=0, atol=1e-11)


def test_small_or_full_maps_stay_dense():
    flow = sparse_flow(0, 40, 10, [])
    full = np.ones((10, 40)) / 40
    assert sparse_maps(full, full, flow.t, flow.stops, flow.M, flow.m) is None
    assert Runtime.of(PlanarFlow.identity(3)._maps).sparse is None
