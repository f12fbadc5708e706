"""Properties: what violates them, and that a widened one covers every map within the margin."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow.box import Box
from vanillaflow.verification.properties import Property, UnsafeSet

UNIT = Box([0.0, 0.0], [1.0, 1.0])


def random_property(rng: np.random.Generator, sets: int = 3, inputs: int = 2, outputs: int = 3) -> Property:
    unsafe = []
    for _ in range(sets):
        low, rows = rng.uniform(-1, 0, inputs), rng.integers(1, 4)
        box = Box(low, low + rng.uniform(0.5, 2, inputs))
        unsafe.append(UnsafeSet(box, rng.normal(size=(rows, outputs)), rng.normal(size=rows)))
    return Property(unsafe, "random")


@given(st.integers(0, 2**32 - 1))
def test_violated_by_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    prop = random_property(rng)
    x, y = rng.uniform(-1.5, 2.5, (50, 2)), rng.normal(size=(50, 3))
    expected = [
        any(
            np.all((each.box.low <= start) & (start <= each.box.high)) and np.all(each.A @ image <= each.b)
            for each in prop.unsafe
        )
        for start, image in zip(x, y)
    ]
    assert prop.violated_by(x, y).tolist() == expected


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_always_is_the_direct_comparison(seed, rows):
    """With whole numbers, so that images on the boundary come up and are exact."""
    rng = np.random.default_rng(seed)
    A, b = rng.integers(-2, 3, (rows, 3)).astype(float), rng.integers(-3, 4, rows).astype(float)
    prop = Property.always(UNIT, A, b, name="below")
    assert len(prop.unsafe) == rows and prop.name == "below"
    x, y = rng.uniform(-0.5, 1.5, (40, 2)), rng.integers(-3, 4, (40, 3)).astype(float)
    expected = UNIT.contains(x) & ~np.all(y @ A.T < b, axis=1)
    assert np.array_equal(prop.violated_by(x, y), expected)


def random_floats(rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
    """Of many magnitudes, down to where products underflow; some are zero."""
    exponents = rng.choice([0, 0, 30, -30, -537, -1000], size)
    return np.ldexp(rng.normal(size=size), exponents) * (rng.random(size) < 0.8)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_widened_is_rounded_outward_and_little(seed, outputs):
    """In exact arithmetic: b' >= b + |A| margin, by no more than the roundings."""
    rng = np.random.default_rng(seed)
    A, b, margin = (
        random_floats(rng, (4, outputs)),
        random_floats(rng, 4),
        np.abs(random_floats(rng, outputs)),
    )
    widened = Property([UnsafeSet(UNIT, A, b)]).widened(margin).unsafe[0]
    assert widened.box == UNIT and np.array_equal(widened.A, A)
    for row, bound, grown in zip(A, b, widened.b):
        growth = sum(Fraction(abs(a)) * Fraction(m) for a, m in zip(row, margin))
        exact = Fraction(bound) + growth
        assert Fraction(grown) >= exact
        slack = 8 * outputs * Fraction(2) ** -52 * (growth + abs(Fraction(bound))) + 8 * outputs * Fraction(
            5e-324
        )
        assert Fraction(grown) - exact <= slack
        if growth == 0:
            assert grown == bound


def test_widened_covers_products_that_underflow():
    """A hundred products of 0.4 times the smallest number, each of which is rounded to zero."""
    row, margin = np.full((1, 100), 0.4 * 2.0**-537), np.full(100, 2.0**-537)
    widened = Property([UnsafeSet(UNIT, row, [0.0])]).widened(margin).unsafe[0]
    assert not np.any(row * margin)
    assert Fraction(widened.b[0]) >= sum(Fraction(a) * Fraction(m) for a, m in zip(row[0], margin)) > 0


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_who_violates_it_violates_the_widened_property_from_within_the_margin(seed):
    rng = np.random.default_rng(seed)
    prop, margin = random_property(rng), rng.uniform(0, 0.5, 3)
    x, y = rng.uniform(-1, 1, (200, 2)), rng.normal(size=(200, 3))
    # Half of them at the ends of the margin, where the sum is as large as it gets.
    shift = np.where(rng.random((200, 1)) < 0.5, rng.uniform(-1, 1, (200, 3)), rng.choice([-1, 1], (200, 3)))
    within = y + 0.999999 * margin * shift
    assert np.all(prop.widened(margin).violated_by(x, within)[prop.violated_by(x, y)])


def test_a_margin_of_zero_changes_nothing():
    prop = random_property(np.random.default_rng(0))
    for before, after in zip(prop.unsafe, prop.widened(np.zeros(3)).unsafe):
        assert before.b.tobytes() == after.b.tobytes()
    assert prop.widened(np.zeros(3)).name == prop.name


def test_arrays_are_copies_that_cannot_be_written():
    A, b = np.eye(2), np.array([-0.0, 1.0])
    unsafe = UnsafeSet(UNIT, A, b)
    A[0, 0] = b[1] = 7.0
    assert unsafe.A[0, 0] == 1 and unsafe.b.tobytes() == np.array([0.0, 1.0]).tobytes()
    for array in (unsafe.A, unsafe.b):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("A", "b", "said"),
    [
        ([1.0, 2.0], [1.0], r"a matrix A with a row and a column at least, got shape \(2,\)"),
        (np.zeros((0, 2)), [], r"got shape \(0, 2\)"),
        (np.zeros((1, 0)), [0.0], r"got shape \(1, 0\)"),
        ([[1.0, 2.0]], [1.0, 2.0], r"shape \(1,\), got \(2,\)"),
        ([[1.0, 2.0]], 1.0, r"shape \(1,\), got \(\)"),
        ([[1.0, np.nan]], [1.0], r"A must be finite, found nan at index \(0, 1\)"),
        ([[1.0, 2.0]], [np.inf], r"b must be finite, found inf at index \(0,\)"),
        ([["a", 2.0]], [1.0], "A must be an array of real numbers"),
    ],
)
def test_wrong_constraints(A, b, said):
    for make in (UnsafeSet, Property.always):
        with pytest.raises(ValueError, match=said):
            make(UNIT, A, b)


def test_wrong_properties():
    one = UnsafeSet(UNIT, [[1.0]], [0.0])
    with pytest.raises(ValueError, match="at least one unsafe set"):
        Property([])
    with pytest.raises(ValueError, match="set 0 has 2 inputs and 1 outputs, set 1 has 2 and 2"):
        Property([one, UnsafeSet(UNIT, [[1.0, 0.0]], [0.0])])
    with pytest.raises(ValueError, match="set 0 has 2 inputs and 1 outputs, set 1 has 1 and 1"):
        Property([one, UnsafeSet(Box([0.0], [1.0]), [[1.0]], [0.0])])
    with pytest.raises(TypeError, match="got Box at index 1"):
        Property([one, UNIT])
    with pytest.raises(TypeError, match="name must be a text, got int"):
        Property([one], 5)
    with pytest.raises(TypeError, match="box must be a Box, got list"):
        UnsafeSet([0, 1], [[1.0]], [0.0])


def test_wrong_margins_and_points():
    prop = random_property(np.random.default_rng(1))
    for margin, said in (
        (np.ones(2), r"shape \(3,\), got \(2,\)"),
        (np.array([0.0, -1.0, 0.0]), "found -1 at index 1"),
        (np.array([0.0, np.nan, 0.0]), "margin must be finite"),
        (np.full(3, 1.7e308), "b must be finite"),
    ):
        with pytest.raises(ValueError, match=said):
            Property([UnsafeSet(UNIT, [[2.0, 2.0, 2.0]], [1.0])]).widened(margin)
    for x, y, said in (
        (np.zeros((4, 3)), np.zeros((4, 3)), r"x must have shape \(4, 2\), got \(4, 3\)"),
        (np.zeros((4, 2)), np.zeros((4, 2)), r"y must have shape \(4, 3\), got \(4, 2\)"),
        (np.zeros((4, 2)), np.full((4, 3), np.nan), "y must be finite"),
    ):
        with pytest.raises(ValueError, match=said):
            prop.violated_by(x, y)
    with pytest.raises(Exception, match="shape"):  # While tests run, annotations refuse it in other words.
        prop.violated_by(np.zeros((4, 2)), np.zeros((3, 3)))
    assert prop.violated_by(np.zeros((0, 2)), np.zeros((0, 3))).shape == (0,)
