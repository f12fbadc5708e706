"""FeedforwardNetwork: its values, its numbers, its refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow import Box, FeedforwardNetwork


def random_network(seed: int, d: int, depth: int) -> FeedforwardNetwork:
    rng = np.random.default_rng(seed)
    return FeedforwardNetwork(
        rng.standard_normal((depth + 1, d, d)),
        rng.standard_normal((depth + 1, d)),
        1 - rng.random(depth),
        domain=Box(-np.ones(d), np.ones(d)),
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 6))
def test_values_are_those_of_the_formula(seed, d, depth):
    network = random_network(seed, d, depth)
    x = network.domain.sample(20)
    for point, value in zip(x, network(x)):
        y = point
        for W, b, slope in zip(network.weights[:-1], network.biases[:-1], network.slopes):
            z = W @ y + b
            y = np.array([v if v > 0 else slope * v for v in z])
        y = network.weights[-1] @ y + network.biases[-1]
        np.testing.assert_allclose(value, y, rtol=1e-12, atol=1e-12)
    assert network.width == d and network.depth == depth
    assert network.parameters == (depth + 1) * (d * d + d) + depth


def test_slope_one_makes_an_affine_map():
    W, b = np.array([[[0.0, 1.0], [2.0, 0.0]]] * 2), np.array([[1.0, 0.0], [0.0, -1.0]])
    network = FeedforwardNetwork(W, b, [1.0])
    x = np.array([[3.0, -4.0], [-5.0, 1.0]])
    np.testing.assert_array_equal(network(x), (x @ W[0].T + b[0]) @ W[1].T + b[1])


def test_condition_numbers():
    network = FeedforwardNetwork([np.eye(2), np.diag([10.0, 0.1])], np.zeros((2, 2)), [0.5])
    np.testing.assert_allclose(network.condition_numbers(), [1, 100])


def test_no_points_and_one_neuron():
    network = random_network(0, 1, 3)
    assert network(np.zeros((0, 1))).shape == (0, 1)
    assert network(np.zeros((5, 1))).shape == (5, 1)
    assert random_network(0, 3, 0)(np.zeros((0, 3))).shape == (0, 3)


def test_arrays_are_copied_and_locked():
    W = np.zeros((1, 2, 2))
    network = FeedforwardNetwork(W, np.zeros((1, 2)), [])
    W[0, 0, 0] = 5
    assert network.weights[0, 0, 0] == 0
    for array in (network.weights, network.biases, network.slopes):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1


W, B = np.zeros((2, 2, 2)), np.zeros((2, 2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.full((2, 2, 2), np.nan), B, [0.5]),
            r"network weights must be finite, found nan at index \(0, 0, 0\)",
        ),
        ((W, np.full((2, 2), np.inf), [0.5]), r"network biases must be finite, found inf at index \(0, 0\)"),
        ((W, B, [np.nan]), r"network slopes must be finite, found nan at index \(0,\)"),
        ((W, B, ["steep"]), "network slopes must be an array of real numbers"),
        ((np.zeros((2, 2)), B, [0.5]), r"network weights must have shape \(depth \+ 1, d, d\), got \(2, 2\)"),
        ((np.zeros((2, 2, 3)), B, [0.5]), r"must have shape \(depth \+ 1, d, d\), got \(2, 2, 3\)"),
        (
            (np.zeros((0, 2, 2)), np.zeros((0, 2)), []),
            r"must have shape \(depth \+ 1, d, d\), got \(0, 2, 2\)",
        ),
        ((W, np.zeros((2, 3)), [0.5]), r"needs biases \(2, 2\) and slopes \(1,\), got \(2, 3\) and \(1,\)"),
        ((W, B, [0.5, 0.5]), r"needs biases \(2, 2\) and slopes \(1,\), got \(2, 2\) and \(2,\)"),
        ((W, B, 0.5), r"slopes \(1,\), got \(2, 2\) and \(\)"),
        ((W, B, [0.0]), r"the slope of layer 0 is 0; slopes must be in \(0, 1\]"),
        ((W, B, [-0.1]), r"the slope of layer 0 is -0.1; slopes must be in \(0, 1\]"),
        ((W, B, [1.5]), r"the slope of layer 0 is 1.5; slopes must be in \(0, 1\]"),
        ((W, B, [0.5], Box([0], [1])), "the network has width 2 but its domain has dimension 1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeedforwardNetwork(*arguments)


@pytest.mark.parametrize("shape", [(4, 3), (2,), (1, 4, 2)])
def test_refuses_wrong_points(shape):
    with pytest.raises(ValueError, match=r"expected points of shape \(n, 2\), got \("):
        FeedforwardNetwork(W, B, [0.5])(np.zeros(shape))
