"""Error maps: the error at every point shown, and the worst of them."""

import numpy as np
import pytest

import vanillaflow as vf
import zoo_cases


def test_the_largest_error_is_near_the_certificates():
    flow, target = zoo_cases.compiled("pendulum"), zoo_cases.target("pendulum")
    certificate = vf.certify(flow, target)
    ax = vf.plot.error_map(flow, target, points=201)
    (mesh,) = ax.collections
    largest = mesh.get_array().max()
    assert 0.9 * certificate.bound <= largest <= certificate.bound * (1 + 1e-9)


def test_errors_and_the_worst_point(two_axes):
    flow, target = zoo_cases.compiled("lotka_volterra"), zoo_cases.target("lotka_volterra")
    figure = two_axes.figure
    ax = vf.plot.error_map(flow, target, ax=two_axes, points=21)
    (mesh,) = ax.collections
    low, high = target.domain.low, target.domain.high
    (x, y), shown = (np.linspace(low[i], high[i], 21) for i in (0, 1)), mesh.get_array()
    for row, column in ((0, 0), (20, 20), (4, 17), (13, 2)):
        point = np.array([[x[column], y[row]]])
        assert shown[row, column] == pytest.approx(np.abs(flow(point) - target(point)).max(), abs=1e-9)
    row, column = np.unravel_index(np.argmax(shown), shown.shape)
    for marker in ax.lines:
        assert marker.get_xydata()[0] == pytest.approx([x[column], y[row]])
    assert (ax.get_xlim(), ax.get_ylim()) == ((low[0], high[0]), (low[1], high[1]))
    bar = figure.axes[-1]
    assert f"{shown.max():.2g} at the circle" in bar.get_ylabel()
    assert mesh.norm.vmax == shown.max() and mesh.get_rasterized()


def test_slice_of_three_dimensions():
    target = zoo_cases.target("hopfield")
    at = np.array([0.5, -1.0, 1.5])

    def wrong(x):
        return target(x) + 0.1 * x[:, [0]]

    ax = vf.plot.error_map(wrong, target, points=11, dims=(1, 0), at=at, log=False)
    shown = ax.collections[0].get_array()
    # The error is 0.1 |x_1|, and x_1 is the second coordinate of the picture.
    expected = 0.1 * np.abs(np.linspace(-2, 2, 11))[:, None] * np.ones(11)
    assert np.allclose(shown, expected, atol=1e-7)
    assert ax.collections[0].norm.vmin == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_{2}$", "$x_{1}$")


def test_a_perfect_flow_can_be_drawn(tmp_path):
    target = zoo_cases.target("pendulum")
    ax = vf.plot.error_map(target, target, points=5)
    ax.figure.savefig(tmp_path / "zero.svg")
    assert np.all(ax.collections[0].get_array() == 0)


def test_colors_are_the_users():
    target = zoo_cases.target("pendulum")
    ax = vf.plot.error_map(lambda x: x, target, points=5, cmap="magma", vmin=1e-3, vmax=10)
    (mesh,) = ax.collections
    assert (mesh.get_cmap().name, mesh.norm.vmin, mesh.norm.vmax) == ("magma", 1e-3, 10)


def test_other_dimensions_are_refused():
    with pytest.raises(ValueError, match="flow has dimension 2 but the target has dimension 3"):
        vf.plot.error_map(zoo_cases.compiled("pendulum"), zoo_cases.target("hopfield"))
    with pytest.raises(ValueError, match="two points in each direction"):
        vf.plot.error_map(lambda x: x, zoo_cases.target("pendulum"), points=1)
