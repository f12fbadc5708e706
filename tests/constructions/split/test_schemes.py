"""Splitting schemes: the sequences they ask for, and their orders, measured."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow import Box, FlowMap, RidgeField
from vanillaflow.constructions.split.schemes import SCHEMES, Scheme, sequence
from vanillaflow.constructions.split.sub_flows import sub_flows

# Steps at which the observed order is taken: small errors, but well above the target's 1e-12.
STEPS = {
    "lie": (64, 128),
    "strang": (32, 64),
    "yoshida": (16, 32),
    "suzuki": (8, 16),
    "blanes-moan-4": (4, 8),
}
STEPS["blanes-moan-6"] = (3, 6)


def splitting_error(field: RidgeField, x: np.ndarray, y: np.ndarray, scheme: str, steps: int) -> float:
    for flow in sub_flows(field.segments(1.0), SCHEMES[scheme], steps):
        x = flow(x)
    return float(np.max(np.abs(x - y)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SCHEMES)
def test_observed_order(name, seed):
    """Halving the step divides the error by 2^order, on a field with an affine piece and three ridges."""
    rng = np.random.default_rng(seed)
    a, w = rng.standard_normal((2, 3, 2))
    field = RidgeField(a, w, rng.standard_normal(3), ["tanh", "sin", "tanh"], A=rng.standard_normal((2, 2)))
    box = Box([-1, -1], [1, 1])
    x = box.sample(32, seed)
    y = FlowMap(field, 1.0, box, rtol=1e-13)(x)
    coarse, fine = (splitting_error(field, x, y, name, n) for n in STEPS[name])
    assert fine > 1e-11
    assert abs(np.log2(coarse / fine) - SCHEMES[name].order) < 0.3


def test_the_table():
    assert {name: scheme.order for name, scheme in SCHEMES.items()} == {
        "lie": 1,
        "strang": 2,
        "yoshida": 4,
        "suzuki": 4,
        "blanes-moan-4": 4,
        "blanes-moan-6": 6,
    }
    for name, scheme in SCHEMES.items():
        assert scheme.name == name
        # X and X* at equal fractions are the two halves of a symmetric scheme.
        fractions = [fraction for fraction, _ in scheme.stages]
        assert sum(fractions) == pytest.approx(1, abs=1e-14)
        if scheme.order > 1:
            assert fractions == pytest.approx(fractions[::-1], abs=1e-14)
            reversals = [is_reversed for _, is_reversed in scheme.stages]
            assert reversals == [not r for r in reversals[::-1]]


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(sorted(SCHEMES)),
    st.integers(0, 5),
    st.booleans(),
    st.integers(1, 9),
)
def test_sequences(name, ridges, affine, steps):
    pieces = ([Scheme.affine] if affine else []) + list(range(ridges))
    flows = sequence(SCHEMES[name], pieces, steps)
    total: dict[int, float] = defaultdict(float)
    for piece, time in flows:
        total[piece] += time
    assert sorted(total) == pieces
    assert all(time == pytest.approx(1, abs=1e-13) for time in total.values())
    assert all(first != second for (first, _), (second, _) in pairwise(flows))
    assert all(time != 0 for _, time in flows)
    if len(pieces) == 1:
        assert len(flows) == 1
    if SCHEMES[name].order > 1:
        np.testing.assert_allclose([t for _, t in flows], [t for _, t in flows[::-1]], rtol=0, atol=1e-14)
        assert [p for p, _ in flows] == [p for p, _ in flows[::-1]]


def test_known_sequences():
    assert sequence(SCHEMES["lie"], [0, 1], 2) == [(0, 0.5), (1, 0.5), (0, 0.5), (1, 0.5)]
    # Consecutive Strang steps share their outer piece.
    assert sequence(SCHEMES["strang"], [0, 1, 2], 2) == [
        (0, 0.25), (1, 0.25), (2, 0.5), (1, 0.25), (0, 0.5), (1, 0.25), (2, 0.5), (1, 0.25), (0, 0.25),
    ]  # fmt: skip
    # Blanes and Moan's S6 begins with a1 of one operator and b1 of the other.
    first, second = sequence(SCHEMES["blanes-moan-4"], [0, 1], 1)[:2]
    assert first == (0, pytest.approx(0.0792036964311957)) and second == (1, pytest.approx(0.209515106613362))
