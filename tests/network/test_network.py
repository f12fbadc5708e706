"""FeedforwardNetwork: its values, its numbers, its refusals."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow import Box, FeedforwardNetwork
from vanillaflow.network.dialects import DIALECTS


def random_network(seed: int, d: int, depth: int, dialect: str = "leaky_relu") -> FeedforwardNetwork:
    rng = np.random.default_rng(seed)
    n = d + 1 if dialect == "relu" and depth else d
    sizes = [d, *[n] * depth, d]
    slopes = {
        "leaky_relu": 1 - rng.random(depth),
        "prelu": 1 - rng.random((depth, n)),
        "relu": np.zeros(depth),
    }
    return FeedforwardNetwork(
        [rng.standard_normal((after, before)) for before, after in pairwise(sizes)],
        [rng.standard_normal(after) for after in sizes[1:]],
        slopes[dialect],
        domain=Box(-np.ones(d), np.ones(d)),
        dialect=dialect,
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 6))
def test_values_are_those_of_the_formula(dialect, seed, d, depth):
    network = random_network(seed, d, depth, dialect)
    x = network.domain.sample(20)
    for point, value in zip(x, network(x)):
        y = point
        for W, b, slope in zip(network.weights[:-1], network.biases[:-1], network.slopes):
            z = W @ y + b
            y = np.array([v if v > 0 else s * v for v, s in zip(z, np.broadcast_to(slope, z.shape))])
        y = network.weights[-1] @ y + network.biases[-1]
        np.testing.assert_allclose(value, y, rtol=1e-12, atol=1e-12)
    assert (network.dim, network.depth, network.dialect) == (d, depth, dialect)
    n = d + 1 if dialect == "relu" and depth else d
    assert network.width == n
    slopes = {"leaky_relu": depth, "prelu": depth * n, "relu": 0}[dialect]
    matrices = (n * d + (depth - 1) * n * n + d * n) if depth else d * d
    assert network.parameters == matrices + depth * n + d + slopes


def test_the_shape_of_the_slopes_tells_the_dialect():
    assert FeedforwardNetwork(W, B, [0.5]).dialect == "leaky_relu"
    assert FeedforwardNetwork(W, B, [[0.5, 1.0]]).dialect == "prelu"
    assert FeedforwardNetwork(W[:1], B[:1], []).dialect == "leaky_relu"


def test_condition_numbers_between_relu_layers_leave_out_the_kernel():
    into, back = np.array([[1.0, 0], [0, 1], [3, 4]]), np.array([[1.0, 0, 0.5], [0, 1, 0.5]])
    network = FeedforwardNetwork(
        [into, into @ back, back], [np.zeros(3)] * 2 + [np.zeros(2)], [0, 0], None, None, "relu"
    )
    first, between, last = network.condition_numbers()
    # Singular values of [I; w]: 1 and sqrt(1 + |w|^2); of [I a] likewise.
    assert first == pytest.approx(np.sqrt(26)) and last == pytest.approx(np.sqrt(1.5))
    assert 1 <= between <= np.sqrt(26 * 1.5)


def test_slope_one_makes_an_affine_map():
    W, b = np.array([[[0.0, 1.0], [2.0, 0.0]]] * 2), np.array([[1.0, 0.0], [0.0, -1.0]])
    network = FeedforwardNetwork(W, b, [1.0])
    x = np.array([[3.0, -4.0], [-5.0, 1.0]])
    np.testing.assert_array_equal(network(x), (x @ W[0].T + b[0]) @ W[1].T + b[1])


def test_condition_numbers():
    network = FeedforwardNetwork([np.eye(2), np.diag([10.0, 0.1])], np.zeros((2, 2)), [0.5])
    np.testing.assert_allclose(network.condition_numbers(), [1, 100])
    assert FeedforwardNetwork(W, B, [0.5]).condition_numbers().tolist() == [np.inf, np.inf]


def test_no_points_and_one_neuron():
    network = random_network(0, 1, 3)
    assert network(np.zeros((0, 1))).shape == (0, 1)
    assert network(np.zeros((5, 1))).shape == (5, 1)
    assert random_network(0, 3, 0)(np.zeros((0, 3))).shape == (0, 3)


def test_arrays_are_copied_and_locked():
    W = np.zeros((1, 2, 2))
    network = FeedforwardNetwork(W, np.zeros((1, 2)), [])
    W[0, 0, 0] = 5
    assert network.weights[0][0, 0] == 0
    for array in (network.weights[0], network.biases[0], network.slopes):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1


W, B = np.zeros((2, 2, 2)), np.zeros((2, 2))
RELU = ([np.zeros((3, 2)), np.zeros((2, 3))], [np.zeros(3), np.zeros(2)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.full((2, 2, 2), np.nan), B, [0.5]),
            r"network weights of layer 0 must be finite, found nan at index \(0, 0\)",
        ),
        ((W, np.full((2, 2), np.inf), [0.5]), r"biases of layer 0 must be finite, found inf at index \(0,\)"),
        ((W, B, [np.nan]), r"network slopes must be finite, found nan at index \(0,\)"),
        ((W, B, ["steep"]), "network slopes must be an array of real numbers"),
        ((np.zeros((2, 2)), B, [0.5]), r"must be depth \+ 1 matrices, at least one, got shapes \[\(2,\), "),
        (
            (np.zeros((2, 2, 3)), B, [0.5]),
            r"layer 0 have shape \(2, 3\); a leaky_relu network of 3 inputs and outputs needs \(3, 3\) there",
        ),
        ((np.zeros((0, 2, 2)), np.zeros((0, 2)), []), r"matrices, at least one, got shapes \[\]"),
        ((W, np.zeros((2, 3)), [0.5]), r"need a bias for each row, got biases \[\(3,\), \(3,\)\]"),
        ((W, B[:1], [0.5]), r"need a bias for each row, got biases \[\(2,\)\]"),
        ((W, B, [0.5, 0.5]), r"depth 1 and width 2 needs slopes of shape \(1,\), got \(2,\)"),
        ((W, B, 0.5), r"needs slopes of shape \(1,\), got \(\)"),
        ((W, B, [[0.5]]), r"a prelu network .* needs slopes of shape \(1, 2\), got \(1, 1\)"),
        ((W, B, [[0.5, 0.0]]), r"the slope of layer 0, neuron 1, is 0; slopes must be in \(0, 1\]"),
        ((W, B, [0.5], None, None, "gelu"), "unknown dialect 'gelu'; known are leaky_relu, prelu, relu"),
        ((W, B, [0.0], None, None, "relu"), r"layer 0 have shape \(2, 2\); a relu network .* needs \(3, 2\)"),
        ((*RELU, [0.1], None, None, "relu"), "layer 0 is 0.1; slopes must be 0 in the dialect relu"),
        ((W, B, [0.0]), r"the slope of layer 0 is 0; slopes must be in \(0, 1\]"),
        ((W, B, [-0.1]), r"the slope of layer 0 is -0.1; slopes must be in \(0, 1\]"),
        ((W, B, [1.5]), r"the slope of layer 0 is 1.5; slopes must be in \(0, 1\]"),
        ((W, B, [0.5], Box([0], [1])), "the network has 2 inputs but its domain has dimension 1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeedforwardNetwork(*arguments)


@pytest.mark.parametrize("shape", [(4, 3), (2,), (1, 4, 2)])
def test_refuses_wrong_points(shape):
    with pytest.raises(ValueError, match=r"expected points of shape \(n, 2\), got \("):
        FeedforwardNetwork(W, B, [0.5])(np.zeros(shape))
