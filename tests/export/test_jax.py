"""to_jax: pure functions that compute what the network computes, under every transformation."""

import sys

import numpy as np
import pytest

import vanillaflow as vf
from random_objects import random_network, rounding_bound

jax = pytest.importorskip("jax")


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Each type, with JAX told that it may use it."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param == "float64")
    yield request.param
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(("d", "depth"), [(1, 0), (1, 3), (3, 1), (5, 30)])
def test_agrees_to_rounding(dtype, d, depth):
    network = random_network(d + depth, d, depth)
    x = network.domain.uniform(200).astype(dtype)
    y = network.to_jax(dtype)(x)
    assert isinstance(y, jax.Array) and y.dtype == dtype and y.shape == x.shape
    x = x.astype(np.float64)
    bound = rounding_bound(network, x, dtype) + rounding_bound(network, x, "float64")
    assert np.all(np.abs(np.asarray(y) - network(x)) <= bound)


def test_transformations(dtype):
    network = random_network(1, 3, 12)
    flow, x = network.to_jax(dtype), network.domain.uniform(40).astype(dtype)
    reference = flow(x)
    # Each within the rounding bound of the exact value.
    bound = 2 * rounding_bound(network, x.astype(np.float64), dtype)
    assert np.all(np.abs(jax.jit(flow)(x) - reference) <= bound)
    assert np.all(np.abs(jax.vmap(flow)(x) - reference) <= bound)
    assert np.all(np.abs(flow(x.reshape(4, 10, 3)).reshape(40, 3) - reference) <= bound)
    assert flow(x[0]).shape == (3,) and flow(x[:0]).shape == (0, 3)


def test_jacobian_is_the_product_of_the_layers(dtype):
    network = random_network(2, 3, 8)
    flow, points = network.to_jax(dtype), network.domain.uniform(20).astype(dtype)
    for x, jacobian in zip(points, jax.jit(jax.vmap(jax.jacobian(flow)))(points)):
        expected, y, size = np.eye(3), x.astype(np.float64), np.eye(3)
        for W, b, slope in zip(network.weights, network.biases, [*network.slopes, 1.0]):
            z = W @ y + b
            active = np.where(z > 0, 1.0, slope)[:, None]
            expected, size = active * (W @ expected), active * (np.abs(W) @ size)
            y = np.maximum(z, slope * z)
        # Nine factors of three terms; far from kinks, as 20 random points are.
        assert np.all(np.abs(jacobian - expected) <= 9 * 6 * np.finfo(dtype).eps * size)


def test_layers_of_different_shapes_follow_one_another():
    network = random_network(3, 4, 6)
    x = network.domain.uniform(30)
    y = network.to_jax(outputs=2)(x)
    assert y.shape == (30, 2)
    bound = 2 * rounding_bound(network, x, "float32")[:, :2]
    assert np.all(np.abs(y - network(x)[:, :2]) <= bound)


def test_a_deep_network_compiles_to_a_loop():
    # Not to a thousand layers, which would take JAX a minute.
    network = random_network(4, 2, 1000)
    text = jax.jit(network.to_jax()).lower(np.zeros((1, 2), np.float32)).as_text()
    assert "while" in text and len(text) < 50_000 + 1000 * 200


def test_what_is_no_number_comes_out():
    network = random_network(5, 1, 3)
    x = np.array([[np.nan], [np.inf], [-np.inf]])
    np.testing.assert_array_equal(network.to_jax()(x), network(x).astype(np.float32))


def test_float64_must_be_enabled():
    if jax.config.jax_enable_x64:
        pytest.skip("it is")
    with pytest.raises(ValueError, match="jax_enable_x64"):
        random_network(6).to_jax("float64")


def test_wrong_arguments():
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'bfloat16'"):
        random_network(7).to_jax("bfloat16")
    with pytest.raises(ValueError, match="outputs must be a whole number from 1 to 3, got 4"):
        random_network(7).to_jax(outputs=4)


def test_without_jax(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(vf.VanillaflowError, match=r'pip install "vanillaflow\[jax\]"'):
        random_network(8).to_jax()
