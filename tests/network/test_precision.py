"""precision_errors: what rounding does to a network, measured, against what it can do."""

import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from random_objects import random_network, rounding_bound
from vanillaflow.network.precision import in_precision

# The largest relative error of rounding to each type is half of this.
SPACING = {
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}


def bound(network, x, spacing):
    """(n, d) bounds on the change at the rows of x, to first order, doubled for the rest.

    As `rounding_bound`, for sums that are taken in float32: inputs, weights, biases, the sum, the slope and
    the product with it each err by half a spacing, and d + 1 operations by a spacing of float32.
    """
    error, y = spacing / 2 * np.abs(x), x
    for W, b, slope in zip(network.weights, network.biases, [*network.slopes, 1.0]):
        size = np.abs(y) @ np.abs(W).T + np.abs(b)
        error = error @ np.abs(W).T + (2 * spacing + (network.width + 1) * SPACING["float32"]) * size
        z = y @ W.T + b
        y = np.maximum(z, slope * z)
    return 2 * error


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 6), depth=st.integers(0, 12))
def test_within_what_rounding_can_do(seed, d, depth):
    network = random_network(seed, d, depth)
    with pytest.MonkeyPatch.context() as patch:
        # Without the seconds of ONNX Runtime.
        patch.setitem(sys.modules, "onnxruntime", None)
        errors = vf.precision_errors(network, points=64, seed=seed)
    x = np.concatenate([network.domain.sample(64, seed), network.domain.corners(seed)])
    assert errors.points == len(x) and errors.int8 is None
    for name, spacing in SPACING.items():
        assert 0 < getattr(errors, name) <= bound(network, x, spacing).max()


def test_float32_is_what_the_exports_compute():
    network = random_network(1, 3, 10)
    errors = vf.precision_errors(network, points=500)
    x = np.concatenate([network.domain.sample(500), network.domain.corners()])
    exported = np.abs(in_precision(network, "float32")(x) - network(x)).max()
    # Both within the bound; they differ in the order of operations at most.
    assert abs(errors.float32 - exported) <= rounding_bound(network, x, "float32").max()


def test_a_network_of_representable_numbers_changes_only_by_its_points():
    # The identity: what is left is the rounding of the points, half a spacing of the numbers in [1, 2).
    network = vf.FeedforwardNetwork(np.eye(2)[None], np.zeros((1, 2)), [], vf.Box([1.0, 1.0], [1.999, 1.999]))
    errors = vf.precision_errors(network)
    for name, spacing in SPACING.items():
        assert 0.9 * spacing / 2 <= getattr(errors, name) <= spacing / 2


def test_a_weight_that_only_bfloat16_cannot_hold():
    weight = 1 + 2.0**-9
    assert float(np.float16(weight)) == weight and float(ml_dtypes.bfloat16(weight)) == 1
    # The points are two corners and Sobol's few; the largest change is at x = 1.
    network = vf.FeedforwardNetwork([[[weight]]], [[0.0]], [], vf.Box([-1.0], [1.0]))
    errors = vf.precision_errors(network, points=1)
    assert errors.bfloat16 >= 2.0**-9
    assert errors.float16 <= 2.0**-10


def test_overflow_is_told_as_infinite():
    network = vf.FeedforwardNetwork([[[1e5]], [[1e-5]]], np.zeros((2, 1)), [0.5], vf.Box([0.5], [1.0]))
    errors = vf.precision_errors(network, points=16)
    assert errors.float16 == np.inf
    assert errors.float32 < 1e-6 and errors.bfloat16 < 0.05


def test_int8_is_what_onnx_runtime_computes():
    pytest.importorskip("onnxruntime")
    network = random_network(2, 3, 2)
    errors = vf.precision_errors(network, points=500)
    x = np.concatenate([network.domain.sample(500), network.domain.corners()])
    # Every layer has 256 levels for its range, which here is nearly the same for all: the output alone is off
    # by up to half a level, and with two layers and their weights before it by some more.
    level = np.ptp(network(x)) / 255
    assert level / 2 < errors.int8 < 5 * level
    assert errors.float32 < errors.float16 < errors.bfloat16


def test_the_same_seed_gives_the_same_errors():
    network = random_network(3, 2, 3)
    assert vf.precision_errors(network, 100, 5) == vf.precision_errors(network, 100, 5)
    assert vf.precision_errors(network, 100, 5) != vf.precision_errors(network, 100, 6)


def test_nothing_is_printed(capfd, caplog):
    vf.precision_errors(random_network(4, 2, 2), points=32)
    out, err = capfd.readouterr()
    assert out == err == caplog.text == ""


def test_without_onnx_runtime(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert vf.precision_errors(random_network(5), points=32).int8 is None


def test_refusals():
    with pytest.raises(ValueError, match="the network has no domain"):
        vf.precision_errors(random_network(6, described=False))
    for points in (0, 2.5, True, 2**20 + 1):
        with pytest.raises(ValueError, match="points must be a whole number from 1 to 1048576"):
            vf.precision_errors(random_network(6), points=points)
    large = vf.FeedforwardNetwork([[[1.0]], [[1e39]]], np.zeros((2, 1)), [0.5], vf.Box([-1], [1]))
    with pytest.raises(ValueError, match="the weights of layer 1 overflow float32"):
        vf.precision_errors(large)
