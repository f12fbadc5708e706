"""Rigorous bounds hold where numbers under- or overflow: in networks and files, and in what encloses them."""

from fractions import Fraction

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.enclosures.field_programs import program_of
from vanillaflow.enclosures.forms import Forms
from vanillaflow.enclosures.layer_forms import layer_forms
from vanillaflow.enclosures.planar_forms import planar_forms
from vanillaflow.network.precision import in_precision, rounded_layers

BOX = vf.Box([-1, -1], [1, 1])
DECAY = vf.FlowMap(vf.RidgeField(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), [], -np.eye(2)), 0.5, BOX)


def with_hidden_hat(scales, jump, at=0.7071, width=2e-5):
    """The flow of DECAY, and `jump` times the difference of two equal hats of which one is scaled on the way:
    by numbers whose product is 1. In real numbers that is nothing."""
    decay = np.exp(-0.5)
    weights = [np.array([[1, 0], [0, 1], [1, 0], [1, 0], [1, 0.0]])]
    biases = [np.array([3, 3, -at, -at - width, -at - 2 * width])]
    hats = np.diag([1.0, 1, 0, 0, 0])
    hats[2, 2:] = hats[3, 2:] = 1, -2, 1
    weights += [hats, *(np.diag([1, 1, scale, 1, 0.0]) for scale in scales)]
    last = np.zeros((2, 5))
    last[0, 0] = last[1, 1] = decay
    last[0, 2:4] = jump, -jump
    weights.append(last)
    biases += [np.zeros(5)] * (len(weights) - 2) + [np.full(2, -3 * decay)]
    return vf.FeedforwardNetwork(weights, biases, np.zeros(len(weights) - 1), domain=BOX, dialect="relu")


def flushing(network, dtype):
    """The network where numbers below the smallest normal one are flushed to 0, read or written."""
    weights, biases, slopes = rounded_layers(network, dtype)
    tiny = np.finfo(dtype).tiny

    def flushed(z):
        return np.where(np.abs(z) < tiny, 0, z).astype(dtype)

    def evaluate(x):
        y = flushed(np.asarray(x).astype(dtype))
        with np.errstate(all="ignore"):
            for layer, (W, b) in enumerate(zip(weights, biases)):
                total = np.broadcast_to(flushed(b), (len(y), len(b)))
                for j in range(W.shape[1]):
                    total = flushed(total + flushed(y[:, j : j + 1] * flushed(W[:, j])))
                y = total
                if layer < len(slopes):
                    y = np.maximum(y, flushed(flushed(slopes[layer]) * y))
        return y.astype(np.float64)

    return evaluate


@pytest.mark.parametrize(
    ("dtype", "scales", "jump"),
    [
        ("float32", [1e-30, 1e-30, 1e30, 1e30], 1e5),
        ("float32", [1e30, 1e30, 1e-30, 1e-30], 1e3),
        ("float64", [1e-200, 1e-200, 1e200, 1e200], 1e5),
        ("float64", [1e200, 1e200, 1e-200, 1e-200], 1e3),
    ],
    ids=["float32 underflow", "float32 overflow", "float64 underflow", "float64 overflow"],
)
def test_a_bound_holds_for_the_file_where_a_search_finds_nothing(dtype, scales, jump, tmp_path):
    network = with_hidden_hat(scales, jump)
    network.to_onnx(tmp_path / "range.onnx", dtype=dtype)
    x = np.array([[0.7071 + 2e-5, 0.3]]).astype(dtype)
    found = ort.InferenceSession(str(tmp_path / "range.onnx")).run(None, {"x": x})[0]
    error = np.abs(found - DECAY(x.astype(np.float64))).max()
    certificate = vf.certify(network, DECAY, "rigorous", dtype=dtype, goal=0.3, max_cells=100)
    assert certificate.bound == np.inf or error <= certificate.bound
    # And where nothing overflows there is a bound.
    assert np.isfinite(certificate.bound) == np.isfinite(error)
    assert ("No finite bound" in certificate.statement) == np.isinf(certificate.bound)
    assert "underflows" in certificate.basis and dtype in certificate.basis


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["float32", "float64"]),
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.sampled_from(["relu", "leaky_relu", "prelu"]),
    st.integers(0, 2**32 - 1),
)
def test_forms_of_networks_hold_their_values_at_any_scale(dtype, powers, dialect, seed):
    rng, widest = np.random.default_rng(seed), 42 if dtype == "float32" else 300
    d, n, depth = 2, 3 if dialect == "relu" else 2, 3
    shapes = [(n, d), (n, n), (n, n), (d, n)]
    weights = [
        rng.normal(size=shape) * 10.0 ** np.clip(widest * power, -widest, 37 if dtype == "float32" else 300)
        for shape, power in zip(shapes, powers)
    ]
    biases = [W[:, 0] * 10.0 ** rng.uniform(-10, 1, len(W)) for W in weights]
    slopes = (
        np.zeros(depth)
        if dialect == "relu"
        else 10.0 ** -rng.uniform(0, 40, (depth, n)[: 1 + (dialect == "prelu")])
    )
    network = vf.FeedforwardNetwork(weights, biases, slopes, dialect=dialect)
    center, half = rng.uniform(-1, 1, (1, d)), np.full((1, d), 10.0 ** rng.uniform(-9, 0))
    forms = layer_forms(network, dtype, center, half)
    e = rng.uniform(-1, 1, (50, d))
    x = center + half * e
    middle = forms.c[:, 0] + e @ forms.g[:, :, 0]
    for evaluate in (in_precision(network, dtype), flushing(network, dtype)):
        y = evaluate(x)
        if np.isfinite(forms.r).all():
            # Of sums in float64 of what the forms are, too.
            off = 2.0**-50 * (np.abs(forms.c[:, 0]) + forms.spread[:, 0])
            assert np.all(np.abs(y - middle) <= forms.r[:, 0] + off)
        if not np.isfinite(y).all():
            assert not np.isfinite(forms.r).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(-300, 300), st.floats(-300, 300), st.integers(0, 2**32 - 1))
def test_forms_of_planar_flows_hold_their_values_at_any_scale(a_power, w_power, seed):
    rng = np.random.default_rng(seed)
    a, w, t = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), rng.normal(size=4)
    # Each map moves along its kink, as a shear: then it is one to one at any scale.
    a -= w * (np.sum(a * w, axis=1) / np.sum(w * w, axis=1))[:, None]
    a, w, t = a * 10.0**a_power, w * 10.0**w_power, t * 10.0**w_power
    try:
        flow = vf.PlanarFlow(a, w, t, [4], np.eye(2)[None], np.zeros((1, 2)))
    except ValueError:  # Rounding makes some maps fold over.
        return
    center, e = rng.uniform(-1, 1, (1, 2)), rng.uniform(-1, 1, (50, 2))
    forms = planar_forms(flow, center, np.full((1, 2), 0.3))
    if not np.isfinite(forms.r).all():
        return
    with np.errstate(all="ignore"):
        off = np.abs(flow(center + 0.3 * e) - forms.c[:, 0] - e @ forms.g[:, :, 0])
    assert np.all(off <= forms.r[:, 0] + 2.0**-50 * (np.abs(forms.c[:, 0]) + forms.spread[:, 0]))


def test_numbers_of_the_field_may_underflow():
    """(1e-200 x)^2 1e300 1e92: between is 1e-400, which float64 does not have."""
    field = vf.LayeredField([[[1e-200]], [[1e300]], [[1e92]]], [[0.0]] * 3, ["power2", "leaky_relu"])
    none, one = np.zeros((0, 1, 1)), np.ones((1, 1))
    slope = program_of(field).slope(Forms(one, none, 0 * one), Forms(0 * one, none, 0 * one))
    exactly = Fraction(1e-200) ** 2 * Fraction(1e300) * Fraction(1e92)
    assert abs(exactly - Fraction(slope.c[0, 0])) <= Fraction(slope.r[0, 0])


def test_points_that_float32_does_not_have():
    box = vf.Box([-1e39, -1], [1e39, 1])
    still = vf.FlowMap(
        vf.RidgeField(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), [], np.zeros((2, 2))), 1.0, box
    )
    network = vf.FeedforwardNetwork([np.eye(2)], [np.zeros(2)], np.zeros(0), domain=box)
    for dtype, finite in (("float32", False), ("float64", True)):
        certificate = vf.certify(network, still, "rigorous", dtype=dtype, max_cells=50, goal=1e30)
        assert np.isfinite(certificate.bound) == finite


def test_ordinary_bounds_are_no_larger():
    """A zero row stays zero, and a kink of it is none."""
    network = vf.FeedforwardNetwork(
        [np.diag([1.0, 0.0]), np.eye(2)], [np.array([3.0, 0.0]), np.array([-3.0, 0.0])], [0.5]
    )
    forms = layer_forms(network, "float32", np.zeros((1, 2)), np.ones((1, 2)))
    assert forms.c[1, 0] == forms.r[1, 0] == 0.0 and forms.r[0, 0] < 1e-5
