"""The layers of an export, stacked where they have one shape."""

import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pytest

from random_objects import random_network
from vanillaflow.export import stacks as layers
from vanillaflow.export.numpy_module import numpy_source
from vanillaflow.export.stacks import stacked_layers


def test_a_network_of_one_width_is_one_stack():
    network = random_network(0, 3, 5)
    (stack,) = stacked_layers(network, "float64")
    np.testing.assert_array_equal(stack.W, network.weights)
    np.testing.assert_array_equal(stack.b, network.biases)
    np.testing.assert_array_equal(stack.slope, np.repeat([*network.slopes, 1.0], 3).reshape(6, 3))
    assert all(part.dtype == "float32" for part in stacked_layers(network, "float32")[0])


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_fewer_outputs_end_in_a_stack_of_their_own(depth):
    network = random_network(1, 3, depth)
    *hidden, last = stacked_layers(network, "float64", outputs=1)
    assert [stack.W.shape for stack in hidden] == [(depth, 3, 3)][: depth > 0]
    np.testing.assert_array_equal(last.W, network.weights[-1][None, :1])
    assert last.b.shape == last.slope.shape == (1, 1) and last.slope == 1


def some_layers(seed):
    """Layers of width 2, 3, 3, 4, 2, with a slope for all neurons, for each, and of 0."""
    rng = np.random.default_rng(seed)
    sizes = [2, 3, 3, 4, 2]
    weights = tuple(rng.standard_normal((rows, columns)) for columns, rows in pairwise(sizes))
    biases = tuple(rng.standard_normal(rows) for rows in sizes[1:])
    return weights, biases, (0.25, rng.random(3), np.zeros(4))


@pytest.fixture
def uneven(monkeypatch):
    """Exports write the layers that this gives, whatever network they are given."""
    weights, biases, slopes = some_layers(0)
    rounded = (
        tuple(W.astype(np.float32) for W in weights),
        tuple(b.astype(np.float32) for b in biases),
        slopes,
    )
    monkeypatch.setattr(layers, "rounded_layers", lambda network, dtype: rounded)
    return rounded


def values(rounded, x):
    weights, biases, slopes = rounded
    for W, b, slope in zip(weights, biases, [*slopes, 1.0]):
        z = x @ W.T + b
        x = np.maximum(z, np.asarray(slope, np.float32) * z)
    return x


def test_layers_may_differ_in_shape_and_neurons_in_slope(uneven, tmp_path):
    network = random_network(0, 2, 3)
    x = network.domain.uniform(20).astype(np.float32)
    # Ten times the rounding of four layers of up to four terms, numbers being about 1.
    close = {"rtol": 1e-5, "atol": 1e-5}
    namespace = {}
    exec(numpy_source(network, "float32"), namespace)  # noqa: S102 - just written by us
    np.testing.assert_allclose(namespace["flow"](x), values(uneven, x), **close)
    if shutil.which("cc") is not None:
        network.to_c(tmp_path / "uneven.c", "float32")
        options = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "-DVANILLAFLOW_MAIN"]
        subprocess.run(["cc", *options, "uneven.c", "-o", "uneven"], cwd=tmp_path, check=True)
        text = "\n".join(f"{a} {b}" for a, b in x)
        out = subprocess.run(
            [tmp_path / "uneven"], input=text, capture_output=True, text=True, check=True
        ).stdout
        np.testing.assert_allclose(
            np.array([line.split() for line in out.splitlines()], float), values(uneven, x), **close
        )


def test_layers_that_differ_in_shape_as_jax(uneven):
    pytest.importorskip("jax")
    network = random_network(0, 2, 3)
    x = network.domain.uniform(20).astype(np.float32)
    np.testing.assert_allclose(network.to_jax()(x), values(uneven, x), rtol=1e-5, atol=1e-5)
