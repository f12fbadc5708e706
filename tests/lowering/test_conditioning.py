"""Weight matrices between near shears: taken apart where they would be badly conditioned."""

import numpy as np
import pytest

from vanillaflow import Box, PlanarFlow
from vanillaflow.lowering.square import MOST_CONDITION
from vanillaflow.planar.shears import LEAST_COSINE


def near_shears(dim: int, kinks: int, cosine: float, seed: int) -> PlanarFlow:
    """Random planar maps with |w.a| / (|w||a|) = `cosine` and w turning far from one to the next."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(kinks, dim))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    v = rng.normal(size=(kinks, dim))
    v -= np.einsum("ld,ld->l", v, w)[:, None] * w
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    sign = rng.choice([-1.0, 1.0], kinks)[:, None]
    a = 0.3 * (np.sqrt(1 - cosine**2) * v + sign * cosine * w)
    return PlanarFlow(a, w, rng.uniform(-1, 1, kinks), domain=Box(-np.ones(dim), np.ones(dim)))


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("cosine", [0.21, 0.3, 0.5])
def test_weights_between_near_shears_are_well_conditioned(dim, cosine):
    flow = near_shears(dim, 60, cosine, seed=dim)
    network = flow.to_network()
    # Taken apart, the bases have condition at most about 2 (45 degrees), and two of them meet in a matrix.
    assert network.condition_numbers().max() <= MOST_CONDITION
    assert flow.kinks <= network.depth <= 2 * flow.kinks
    x = flow.domain.sample(500, seed=0)
    np.testing.assert_allclose(network(x), flow(x), atol=1e-11)


def test_maps_are_kept_whole_where_that_is_well_conditioned():
    flow = near_shears(2, 1, 2 * LEAST_COSINE, seed=0)
    assert flow.to_network().depth == 1
