"""Staircases stay within their error, have slopes in their class and about as many kinks as predicted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow.constructions.one_slope.staircase import Polyline, Staircase, best_base, staircase

ALPHAS = (0.01, 0.1, 0.5, 0.9, 0.99)


def line_value(line: Polyline, nu: np.ndarray) -> np.ndarray:
    rise = np.concatenate([[0.0], np.cumsum(line.slopes * np.diff(line.breaks))])
    return line.first + np.interp(nu, line.breaks, rise)


def stair_value(stairs: Staircase, alpha: float, nu: np.ndarray) -> np.ndarray:
    """The kinks one after the other, each on the image of those before: what planar maps do."""
    value = stairs.first + stairs.slope * (nu - stairs.begin)
    for at, step in zip(stairs.at, stairs.steps):
        value = value + (alpha ** float(step) - 1) * np.maximum(value - at, 0)
    return value


def random_line(seed: int, segments: int, carried: bool = False) -> Polyline:
    rng = np.random.default_rng(seed)
    breaks = np.concatenate([[-1.0], np.sort(rng.uniform(-1, 2, segments - 1)), [2.0]])
    jumps = np.zeros(segments + 1)
    if carried:
        jumps[1:-1] = rng.uniform(0, 1, segments - 1) * rng.choice([0.0, 1.0, 10.0], segments - 1)
    return Polyline(breaks, np.exp(rng.uniform(-2, 2, segments)), jumps, float(rng.standard_normal()))


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.sampled_from(ALPHAS),
    st.sampled_from([1.0, 0.1, 0.01]),
    st.booleans(),
)
def test_laws(seed, segments, alpha, error, carried):
    line = random_line(seed, segments, carried)
    base, cost = best_base(line, alpha)
    stairs = staircase(line, alpha, base, error)
    nu = np.concatenate([np.linspace(-1, 2, 2000), stairs.nu, line.breaks])
    assert np.max(np.abs(stair_value(stairs, alpha, nu) - line_value(line, nu))) <= error * (1 + 1e-9) + 1e-10
    assert np.all(np.diff(stairs.nu) >= 0) and np.all(np.abs(stairs.steps) == 1)
    # Every jump is carried, once, at its break, by kinks that can.
    for j in range(segments + 1):
        mine = (stairs.jump == j) & (stairs.share > 0)
        if line.jumps[j] > 0:
            assert stairs.share[mine].sum() == pytest.approx(1)
            assert np.all(stairs.nu[mine] == line.breaks[j])
            room = stairs.before * np.abs(alpha ** stairs.steps.astype(float) - 1)
            assert np.all(stairs.share[mine] * line.jumps[j] <= room[mine] * (1 + 1e-9))
        else:
            assert not mine.any()
    if not carried:
        # Per segment at most the whole powers between its slope and the last one's, and two kinks more.
        levels = np.abs(np.diff(np.log(line.slopes))).sum() / -np.log(alpha)
        assert stairs.nu.size <= cost / error + levels + 3 * segments


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from(ALPHAS))
def test_no_other_base_zigzags_less(seed, segments, alpha):
    line = random_line(seed, segments)
    _, cost = best_base(line, alpha)
    for base in np.exp(np.linspace(0, -np.log(alpha), 50)):
        exponent = np.log(line.slopes / base) / np.log(alpha)
        p, q = base * alpha ** np.ceil(exponent), base * alpha ** np.floor(exponent)
        c = (line.slopes - p) * (q - line.slopes) / np.where(q > p, q - p, 1)
        assert cost <= np.sum(np.diff(line.breaks) * c) + 1e-9


def test_powers_are_exact():
    line = Polyline(np.array([0.0, 1, 2, 3]), np.array([3.0, 12.0, 6.0]), np.zeros(4), 0.0)
    base, cost = best_base(line, 0.5)
    stairs = staircase(line, 0.5, base, 0.0)
    assert cost == 0
    np.testing.assert_array_equal(stairs.steps, [-1, -1, 1])
    np.testing.assert_array_equal(stairs.nu, [1, 1, 2])
    np.testing.assert_array_equal(stairs.at, [3, 3, 15])


def test_twice_the_accuracy_takes_twice_the_kinks():
    line = random_line(3, 4)
    base, _ = best_base(line, 0.5)
    counts = [staircase(line, 0.5, base, e).nu.size for e in (1e-3, 5e-4)]
    assert counts[1] == pytest.approx(2 * counts[0], rel=0.02)
