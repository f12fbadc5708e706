"""Box: what it refuses, and that its samples lie where they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow import Box
from vanillaflow.box import MAX_CORNERS


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ([0, 0], [1], r"two vectors of one length, got shapes \(2,\) for low and \(1,\) for high"),
        (0, 1, "two vectors of one length"),
        ([[0]], [[1]], "two vectors of one length"),
        ([], [], "two vectors of one length"),
        ([0, 1], [1, 1], "empty or inverted in coordinate 1: low 1 must be below high 1"),
        ([2, 1], [1, 2], "empty or inverted in coordinate 0: low 2 must be below high 1"),
        ([0, np.nan], [1, 1], r"Box low must be finite, found nan at index \(1,\)"),
        ([0, 0], [1, np.inf], r"Box high must be finite, found inf at index \(1,\)"),
        (["a"], [1], "Box low must be an array of real numbers"),
        ([1j], [1], "Box low must be an array of real numbers"),
        (None, [1], "Box low must be"),
    ],
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_bad_boxes_are_refused(low, high, message):
    with pytest.raises(ValueError, match=message):
        Box(low, high)


def test_geometry():
    box = Box([-1, 2], [3, 2.5])
    assert box.dim == 2
    np.testing.assert_array_equal(box.center, [1, 2.25])
    np.testing.assert_array_equal(box.width, [4, 0.5])
    np.testing.assert_array_equal(box.contains(np.array([[-1, 2], [0, 2.6], [3, 2.5]])), [True, False, True])
    np.testing.assert_array_equal(box.clip(np.array([[9.0, 0.0]])), [[3, 2]])
    assert box == Box([-1.0, 2.0], [3.0, 2.5]) and hash(box) == hash(Box([-1, 2], [3, 2.5]))
    assert box != Box([-1, 2], [3, 3]) and box != "box"
    assert repr(box) == "Box([-1.0, 2.0], [3.0, 2.5])"


@settings(max_examples=30, deadline=None)
@given(d=st.integers(1, 6), n=st.integers(1, 200), seed=st.integers(0, 1000))
def test_samples_lie_in_the_box_and_repeat_with_their_seed(d, n, seed):
    box = Box(-np.arange(1.0, d + 1), np.arange(2.0, d + 2))
    for draw in (box.sample, box.uniform, box.boundary):
        x = draw(n, seed)
        assert x.shape == (n, d)
        assert np.all(box.contains(x))
        np.testing.assert_array_equal(x, draw(n, seed))
    boundary = box.boundary(n, seed)
    assert np.all(((boundary == box.low) | (boundary == box.high)).any(axis=1))


@pytest.mark.parametrize("d", [2, 3, 5])
def test_boundary_points_cover_every_face_evenly(d):
    """Pushed to the faces in turn, Sobol points would be on one half of each."""
    x = Box(np.zeros(d), np.ones(d)).boundary(256 * d, seed=d)
    for axis in range(d):
        for side in (0, 1):
            on_face = np.delete(x[x[:, axis] == side], axis, axis=1)
            assert abs(len(on_face) - 128) <= 1
            for coordinate in on_face.T:
                in_eighths, _ = np.histogram(coordinate, bins=8, range=(0, 1))
                assert in_eighths.min() >= 8


def test_sobol_points_fill_the_box_evenly():
    # 256 points of a (0, 8, 2)-net: each of the 16 x 16 cells holds exactly one.
    cells = np.floor(16 * Box([0, 0], [1, 1]).sample(256)).astype(int)
    assert len({tuple(cell) for cell in cells}) == 256


def test_corners():
    corners = Box([0, 10], [1, 11]).corners()
    assert {tuple(c) for c in corners.tolist()} == {(0, 10), (1, 10), (0, 11), (1, 11)}
    many = Box(np.zeros(20), np.ones(20)).corners()
    assert many.shape == (MAX_CORNERS, 20) and set(np.unique(many)) == {0, 1}


def test_patterns_are_runs_of_equal_places():
    """Some points are constant, half of all have coordinates at the ends only, all are in the box."""
    box = Box(-np.ones(20), np.linspace(1, 2, 20))
    x = box.patterns(400, seed=3)
    assert x.shape == (400, 20) and np.all((x >= box.low) & (x <= box.high))
    place = (x - box.low) / box.width
    runs = 1 + np.count_nonzero(np.abs(np.diff(place, axis=1)) > 1e-12, axis=1)
    assert np.any(runs == 1) and np.any(runs > 10)
    at_ends = np.all((place < 1e-12) | (place > 1 - 1e-12), axis=1)
    assert at_ends[:200].all() and not at_ends[200:].all()
    np.testing.assert_array_equal(x, box.patterns(400, seed=3))
