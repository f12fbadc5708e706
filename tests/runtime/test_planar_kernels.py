"""The images of points, unrolled and in passes, on one thread and on two, are those of the planar flow."""

import numpy as np
import pytest

from flow_cases import states
from vanillaflow import PlanarFlow
from vanillaflow.runtime.threads import own_threads


@pytest.mark.parametrize("d", [1, 2, 4, 5, 17])
@pytest.mark.parametrize("n", [1, 127, 128, 129, 2500])
def test_images_are_those_of_the_flow(d, n):
    rng = np.random.default_rng(d)
    a, w, t = 0.3 * rng.normal(size=(7, d)), rng.normal(size=(7, d)), rng.normal(size=7)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    a += np.maximum(-0.9 - (a * w).sum(axis=1, keepdims=True), 0) * w  # kappa > 0, as a PlanarFlow has it.
    x = rng.normal(size=(n, d))
    flow = PlanarFlow(a, w, t)
    expected = states(flow, x)[-1]
    with own_threads(1):
        alone = flow(x)
    np.testing.assert_allclose(alone, expected, rtol=1e-13, atol=1e-13 * np.abs(expected).max())
    with own_threads(2):
        np.testing.assert_array_equal(flow(x), alone)
    np.testing.assert_array_equal(flow(x), alone)
