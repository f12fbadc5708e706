"""fit_field: sums of ridges close to any field, with an error that is what it says."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import Box

BOX = Box([-1, 0.5], [2, 1.5])
FIELDS = {
    "product": lambda t, x: np.stack([x[:, 0] * np.sin(x[:, 1]), x[:, 1] * x[:, 0]], axis=1),
    "quotient": lambda t, x: np.stack([x[:, 0] / x[:, 1], np.log(x[:, 1]) * x[:, 0]], axis=1),
    "large": lambda t, x: 1e4 * np.stack([np.hypot(*x.T), np.exp(-x[:, 0] * x[:, 1])], axis=1),
}


def grid(box: Box, n: int) -> np.ndarray:
    axes = [np.linspace(low, high, n) for low, high in zip(box.low, box.high)]
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, box.dim)


@pytest.mark.parametrize("name", FIELDS)
def test_the_error_is_what_it_says(name):
    field = vf.fit_field(FIELDS[name], BOX, tol=1e-2)
    assert isinstance(field, vf.RidgeField) and field.error <= 1e-2 * field.size
    x = grid(BOX, 101)
    exact = FIELDS[name](0.0, x)
    assert field.size == pytest.approx(np.abs(exact).max(), rel=1e-2)
    assert np.abs(field(0.0, x) - exact).max() <= 1.2 * field.error


def test_a_sum_of_few_tanh_is_found():
    """Two ridges and an affine part: with four, the fit is far below its tolerance."""
    made = vf.RidgeField.tanh([[1.0, -0.5], [0.3, 2.0]], [[1.5, 0.2], [-0.4, 1.1]], [0.1, -0.3])
    field = vf.fit_field(made, Box([-1, -1], [1, 1]), tol=1e-3)
    assert field.ridges == 4 and field.error < 1e-3 * field.size


def test_a_field_of_three_variables_as_ridges_is_compiled_by_splitting():
    def euler(t, x):  # A rigid body that turns freely.
        return np.stack([0.5 * x[:, 1] * x[:, 2], -x[:, 0] * x[:, 2], 0.3 * x[:, 0] * x[:, 1]], axis=1)

    box = Box([-1, -1, -1], [1, 1, 1])
    field = vf.fit_field(euler, box, tol=2e-2)
    target = vf.FlowMap(euler, 0.5, box)
    flow = vf.compile(vf.FlowMap(field, 0.5, box, rtol=1e-6), 1e-1, method="split")
    # Of the field's own flow it is off by the fit as well: error x duration, growing as exp(0.5 L), L < 2.
    assert vf.certify(flow, target).bound <= 1e-1 + 0.5 * field.error * np.e


def test_so_many_ridges_whatever_the_error():
    field = vf.fit_field(FIELDS["product"], BOX, ridges=3)
    assert field.ridges == 3 and field.error > 0
    assert repr(field).startswith("FittedField(dim=2, ridges=3, error=")
    again = vf.fit_field(FIELDS["product"], BOX, ridges=3)
    assert np.array_equal(field.w, again.w)


def test_a_constant_field_and_none_at_all():
    field = vf.fit_field(lambda t, x: np.zeros_like(x), BOX)
    assert field.error == 0 and field.size == 0


def test_refusals():
    with pytest.raises(vf.FieldError, match="depends on time"):
        vf.fit_field(lambda t, x: t * x, BOX)
    with pytest.raises(vf.FieldError, match=r"is not finite at .* which is in the box"):
        vf.fit_field(lambda t, x: np.log(x), BOX)
    with pytest.raises(vf.FieldError, match="returned shape"):
        vf.fit_field(lambda t, x: x[:, :1], BOX)
    with pytest.raises(vf.FieldError, match=r"64 ridges come within .* or ridges=64 to take this fit"):
        vf.fit_field(lambda t, x: np.sign(np.sin(400 * x)), Box([-1], [1]))
    with pytest.raises(ValueError, match="tol must be positive"):
        vf.fit_field(FIELDS["product"], BOX, tol=0)
