"""Grid images: lines that begin and end where the map takes the ends of the grid's lines."""

import numpy as np
import pytest

import vanillaflow as vf
import zoo_cases
from flow_cases import random_flow
from vanillaflow.display.palette import FIRST, SECOND

LINES, POINTS = 5, 40


def drawn(ax):
    """The lines of the box, and of the image."""
    before, after = ax.collections
    return np.array(before.get_segments()), np.array(after.get_segments())


def test_lines_are_mapped_point_by_point(two_axes):
    flow = random_flow(3, 2, ["plain"] * 8, affine=2)
    ax = vf.plot.grid_image(flow, ax=two_axes, lines=LINES, points=POINTS)
    assert ax is two_axes
    box, image = drawn(ax)
    assert box.shape == (2 * LINES, 2, 2) and image.shape == (2 * LINES, POINTS, 2)
    for line, curve in zip(box, image):
        along = np.linspace(line[0], line[1], POINTS)
        assert np.allclose(curve, flow(along), atol=1e-12)
    low, high = flow.domain.low, flow.domain.high
    corners = np.unique(box.reshape(-1, 2), axis=0)
    assert np.allclose(corners.min(axis=0), low) and np.allclose(corners.max(axis=0), high)
    # Half of the lines along each coordinate, in their colors.
    assert np.all(box[:LINES, 0, 1] == box[:LINES, 1, 1]) and np.all(box[LINES:, 0, 0] == box[LINES:, 1, 0])
    from matplotlib.colors import to_rgba

    colors = ax.collections[1].get_colors()
    assert np.allclose(colors, [to_rgba(FIRST)] * LINES + [to_rgba(SECOND)] * LINES)


def test_all_that_is_drawn_is_within_the_limits():
    ax = vf.plot.grid_image(zoo_cases.target("pendulum"))
    for lines in drawn(ax):
        x, y = lines.reshape(-1, 2).T
        assert ax.get_xlim()[0] <= x.min() and x.max() <= ax.get_xlim()[1]
        assert ax.get_ylim()[0] <= y.min() and y.max() <= ax.get_ylim()[1]
    assert ax.get_aspect() == 1 and ax.figure.get_layout_engine() is not None
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\theta$", r"$\omega$")


def test_flow_network_and_function_are_the_same_picture():
    flow = random_flow(5, 2, ["plain"] * 4)
    images = [drawn(vf.plot.grid_image(f))[1] for f in (flow, flow.to_network(), flow.with_provenance(None))]
    images.append(drawn(vf.plot.grid_image(lambda x: flow(x), flow.domain))[1])
    for image in images[1:]:
        assert np.allclose(image, images[0], atol=1e-10)


def test_slices_of_three_dimensions(two_axes):
    flow = random_flow(4, 3, ["plain"] * 6)
    at = flow.domain.low + 0.3 * flow.domain.width
    ax = vf.plot.grid_image(flow, ax=two_axes, lines=LINES, points=POINTS, dims=(2, 0), at=at)
    box, image = drawn(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$x_{3}$", "$x_{1}$")
    for line, curve in zip(box, image):
        x = np.tile(at, (POINTS, 1))
        x[:, [2, 0]] = np.linspace(line[0], line[1], POINTS)
        assert np.allclose(curve, flow(x)[:, [2, 0]], atol=1e-12)


def test_style_goes_to_the_image_under_any_name():
    flow = random_flow(5, 2, ["plain"] * 2)
    for style in ({"color": "k", "lw": 3}, {"colors": "k", "linewidths": 3}, {"ec": "k", "linewidth": 3}):
        ax = vf.plot.grid_image(flow, **style)
        image = ax.collections[1]
        assert image.get_linewidth() == [3] and np.allclose(image.get_colors(), [[0, 0, 0, 1]])


@pytest.mark.parametrize(
    "options, says",
    [
        ({"dims": (0, 0)}, "two different coordinates"),
        ({"dims": (0, 3)}, r"two different coordinates of 0\.\.2"),
        ({"dims": (0, -1)}, "two different coordinates"),
        ({"dims": (0, 1, 2)}, "two different coordinates"),
        ({"dims": (0, 1.5)}, "two different coordinates"),
        ({"at": [0.0, 0.0]}, "3 coordinates"),
        ({"at": [0.0, 0.0, 1e3]}, "point of the box"),
        ({"box": vf.Box([0, 0], [1, 1])}, "dimension 3 but the box has dimension 2"),
        ({"lines": 1}, "two lines"),
        ({"points": 0}, "points must be"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_drawn(options, says):
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match=says):
        vf.plot.grid_image(random_flow(4, 3, ["plain"] * 6), **options)
    assert plt.get_fignums() == []


def test_maps_without_a_picture_are_refused():
    with pytest.raises(ValueError, match="no domain; pass the box"):
        vf.plot.grid_image(lambda x: x)
    with pytest.raises(ValueError, match="two dimensions or more"):
        vf.plot.grid_image(random_flow(1, 1, ["plain"]))
    with pytest.raises(ValueError, match="returned shape"):
        vf.plot.grid_image(lambda x: x[:, :1], vf.Box([0, 0], [1, 1]))
