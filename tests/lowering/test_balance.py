"""Balanced networks: the same function, weights as well conditioned as scaling can make them."""

from dataclasses import replace

import numpy as np
import pytest

from flow_cases import random_flow
from vanillaflow.lowering.balance import equilibrate
from vanillaflow.network.feedforward import FeedforwardNetwork


def random_network(dim: int, depth: int, spread: float, seed: int) -> FeedforwardNetwork:
    rng = np.random.default_rng(seed)
    weights = np.eye(dim) + 0.3 * rng.normal(size=(depth + 1, dim, dim))
    scale = np.ones((depth + 2, dim))
    scale[1:-1] = np.exp(spread * rng.normal(size=(depth, dim)))
    return FeedforwardNetwork(
        scale[1:, :, None] * weights / scale[:-1, None, :],
        scale[1:] * rng.normal(size=(depth + 1, dim)),
        rng.uniform(0.2, 1, size=depth),
    )


@pytest.mark.parametrize("dim", [1, 2, 4])
@pytest.mark.parametrize("depth", [0, 1, 12])
def test_the_function_stays(dim, depth):
    network = random_network(dim, depth, 1.0, dim)
    x = np.random.default_rng(0).normal(size=(200, dim))
    expected = network(x)
    assert np.allclose(equilibrate(network)(x), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("dialect", ["prelu", "relu"])
def test_the_function_stays_in_the_other_dialects(dialect):
    flow = random_flow(3, 4, ["plain", "shear", "expanding", "plain", "contracting"], affine=2)
    network = flow.to_network(dialect)
    # One neuron in a thousand times larger units, another one in a thousand times smaller ones.
    scale = np.ones(network.width)
    scale[:2] = [1e3, 1e-3]
    after, before = [scale] * network.depth + [np.ones(4)], [np.ones(4)] + [scale] * network.depth
    wild = replace(
        network,
        weights=tuple(a[:, None] * W / b for W, a, b in zip(network.weights, after, before)),
        biases=tuple(a * bias for bias, a in zip(network.biases, after)),
    )
    x = flow.domain.sample(200)
    expected = network(x)
    assert np.allclose(equilibrate(wild)(x), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    assert wild.condition_numbers().max() > 1e3 * network.condition_numbers().max()
    assert equilibrate(wild).condition_numbers().max() < 10 * network.condition_numbers().max()


@pytest.mark.parametrize("dim", [2, 3])
def test_bad_scales_are_undone(dim):
    # The minimum is one of all scalings, and depends on the function only: where one begins is no matter.
    mild, wild = random_network(dim, 8, 0.0, 5), random_network(dim, 8, 2.0, 5)

    def total(network: FeedforwardNetwork) -> float:
        sizes = np.linalg.norm(network.weights, axis=(1, 2))
        return float(np.sum((sizes * np.linalg.norm(np.linalg.inv(network.weights), axis=(1, 2))) ** 2))

    assert np.array_equal(mild.slopes.shape, wild.slopes.shape)
    assert total(wild) > 10 * total(mild)
    assert total(equilibrate(wild)) <= 1.01 * total(mild)
    assert total(equilibrate(wild)) == pytest.approx(total(equilibrate(mild)), rel=1e-2)
