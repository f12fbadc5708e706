"""Rigorous bounds for multi-layer perceptrons: their programs, their flows, and a certificate."""

from itertools import pairwise

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.enclosures.field_programs import program_of
from vanillaflow.enclosures.forms import Forms
from vanillaflow.enclosures.integrator import integrator

SMOOTH = ["tanh", "sigmoid", "sin", "cos", "exp", "softplus", "arctan", "silu", "gelu", "power2", "power3"]


def perceptron(widths, profiles, seed, A=None, size=1.5):
    """A LayeredField with random weights, by default large enough to be far from linear."""
    rng = np.random.default_rng(seed)
    shapes = [(after, before) for before, after in pairwise(widths)]
    weights = [size * rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]
    return vf.LayeredField(weights, [0.3 * rng.normal(size=after) for after, _ in shapes], profiles, A)


def point(x):
    """The points x (d, n) as forms without symbols."""
    return Forms(x, np.zeros((0, *x.shape)), np.zeros(x.shape))


def cell(low, high):
    """One cell as forms."""
    center, half = (high + low) / 2, (high - low) / 2
    return Forms(center[:, None], np.diag(half)[:, :, None], np.zeros((center.size, 1)))


def distance(forms, e, y):
    """How far y (points, d) is outside the forms with the first symbols e (points, d), the others free."""
    value = forms.c[:, 0] + e @ forms.g[: e.shape[1], :, 0]
    free = np.abs(forms.g[e.shape[1] :, :, 0]).sum(axis=0) + forms.r[:, 0]
    return float(np.max(np.abs(y - value) - free))


@pytest.mark.parametrize("profile", [*SMOOTH, "relu", "leaky_relu", "abs", "elu"])
@pytest.mark.parametrize("hidden", [[5], [6, 4], [4, 5, 3]], ids=["1", "2", "3"])
def test_the_program_is_the_field(profile, hidden):
    # Small weights, as exp(exp(exp(x))) overflows soon.
    field = perceptron([2, *hidden, 2], profile, len(hidden), np.array([[0.0, 1.0], [-1.0, 0.3]]), 0.5)
    x = np.random.default_rng(3).uniform(-1, 1, (20, 2))
    slope = program_of(field).slope(point(x.T), point(np.zeros((1, 20))))
    v = field(0.0, x).T
    size = 1 + np.abs(v).max()
    # The field rounds, too: so much at most, of sums of some tens of terms.
    assert np.all(np.abs(slope.c - v) <= slope.r + 1e-13 * size)
    assert slope.r.max() <= 1e-11 * size


def test_layers_of_different_profiles():
    field = perceptron([3, 5, 4, 3], ["silu", "cos"], 0)
    x = np.random.default_rng(3).uniform(-1, 1, (20, 3))
    slope = program_of(field).slope(point(x.T), point(np.zeros((1, 20))))
    np.testing.assert_allclose(slope.c, field(0.0, x).T, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(perceptron([2, 8, 8, 2], "tanh", 0), id="tanh"),
        pytest.param(perceptron([2, 6, 5, 2], ["gelu", "tanh"], 1, -np.eye(2)), id="damped"),
        pytest.param(perceptron([2, 4, 3, 4, 2], ["silu", "sigmoid", "softplus"], 2), id="three layers"),
        pytest.param(
            vf.PiecewiseField([perceptron([2, 4, 4, 2], "tanh", 3), perceptron([2, 4, 2], "sin", 4)], [0.2]),
            id="switching",
        ),
    ],
)
def test_the_integrator_holds_the_flow(field):
    low, high = np.array([0.3, -0.5]), np.array([0.4, -0.4])
    forms, found = integrator(field, 0.5, 1e-9)(cell(low, high))
    assert found.all()
    rng = np.random.default_rng(1)
    e = np.concatenate([rng.uniform(-1, 1, (300, 2)), [[1, 1], [-1, 1], [1, -1], [-1, -1]]])
    target = vf.FlowMap(field, 0.5, vf.Box(low, high), rtol=1e-12)
    assert distance(forms, e, target((low + high) / 2 + e * (high - low) / 2)) <= 1e-10
    # And not by being large: for a point hardly anything is left but remainders.
    alone, _ = integrator(field, 0.5, 1e-9)(cell(low, low))
    free = np.abs(alone.g).sum(axis=0) + alone.r
    assert free.max() <= 1e-8
    assert np.abs(alone.c[:, 0] - target(low[None])[0]).max() <= free.max() + 1e-10


def test_layers_with_functions_of_ones_own_are_refused():
    mine = vf.Profile("relu", lambda z: np.maximum(z, 0) ** 2, lambda z: 2 * np.maximum(z, 0))
    with pytest.raises(vf.FieldError, match="the profile relu"):
        program_of(perceptron([2, 4, 4, 2], ["tanh", mine], 0))


def test_the_bound_is_above_every_error():
    field = perceptron([2, 5, 4, 2], "tanh", 0, -0.5 * np.eye(2))
    target = vf.FlowMap(field, 0.4, vf.Box([-0.5, -0.5], [0.5, 0.5]))
    flow = vf.compile(target, 1.5e-2)
    assert flow.kinks > 0
    certificate = vf.certify(flow, target, "rigorous", max_seconds=20)
    x = target.domain.uniform(20_000, seed=8)
    errors = np.abs(flow(x) - target(x))
    assert errors.max() <= certificate.bound and np.all(errors.max(axis=0) <= certificate.per_output)
    assert certificate.largest <= certificate.bound < np.inf
    assert certificate.confidence == 1 and certificate.method == "rigorous"
