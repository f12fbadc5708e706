"""A stiff system of 128 coordinates: layers full of kinks, bounded weights, and a solution in closed form."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import FeedforwardNetwork, PlanarFlow

D, TOLERANCE = 128, 5e-2


@pytest.fixture(scope="module")
def flow() -> PlanarFlow:
    return vf.compile(vf.zoo.allen_cahn(D).target(), TOLERANCE, method="split")


@pytest.fixture(scope="module")
def network(flow) -> FeedforwardNetwork:
    return flow.to_network()


def test_layers_are_full(flow, network):
    assert network.depth <= flow.kinks / (D / 4)


def test_no_weight_matrix_is_close_to_singular(network):
    """Diffusion damps the highest mode to exp(-4 * 10.24 * 0.5) = 1e-9 in all, but not in one layer."""
    assert network.condition_numbers().max() < 50


def test_constants_follow_the_closed_form(flow, network):
    """Where u is constant in space, u' = u - u^3, so u(T) = u e^T / sqrt(1 + u^2 (e^(2 T) - 1))."""
    u = np.linspace(-1, 1, 41)
    T = vf.zoo.allen_cahn(D).duration
    exact = u * np.exp(T) / np.sqrt(1 + u**2 * np.expm1(2 * T))
    x = np.tile(u[:, None], (1, D))
    for function in (flow, network):
        np.testing.assert_allclose(function(x), np.tile(exact[:, None], (1, D)), rtol=0, atol=TOLERANCE)


def test_network_flow_and_inverse_agree(flow, network):
    x = flow.domain.sample(50, 3)
    np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-9)
    # Back through what is damped to 1e-9 at most, at a precision of 1e-16.
    np.testing.assert_allclose(flow.inverse(flow(x)), x, rtol=0, atol=1e-5)
